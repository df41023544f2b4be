"""Makes tiny, randomly initialised encoders and cross-encoders and what transformers makes of them, for parity tests.

    python make_encoders.py OUT

writes OUT/texts.json (texts, pairs) and OUT/<name>/ for each model: a directory as sentence-transformers has it, with
expected.safetensors: vectors, states (those of all texts, one after the other) and prompted (with the prompt named
query) of encoders, scores of cross-encoders. What sentence-transformers reads of a directory is read here too: the
window, poolings, dense layers, prompts, and what a cross-encoder does with its number.
"""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

# There is no CUDA here, only stand-ins for its libraries; transformers asks it all the same.
torch.cuda.is_current_stream_capturing = lambda: False

CORPUS = [
    "How many orders were placed in each city during 2024, and which five cities placed the most?",
    "SELECT city, COUNT(*) AS orders FROM orders JOIN customers ON orders.customer_id = customers.id",
    "GROUP BY city ORDER BY orders DESC LIMIT 5;",
    "Größere Straßen, façades, naïve señoritas and Ångströms.",
    "日本語のテキストと、中文句子，以及한국어 문장입니다.",
    "Emoji: 😀😃🚀 👩‍👩‍👧‍👦 and flags 🇫🇷🇯🇵.",
    "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs.",
]
TEXTS = [
    "",
    " ",
    "a",
    "orders per city",
    "  How many orders per city in 2024?\n",
    "日本語 😀 façades",
    "a <pad> between <pad><pad> words",
    CORPUS[1],
    " ".join(CORPUS[:2]),
    " ".join(CORPUS[::-1]),
]
PAIRS = [
    ["orders per city", "SELECT city, COUNT(*) AS orders FROM orders GROUP BY city"],
    ["orders per city", ""],
    ["", "The quick brown fox"],
    ["日本語 😀", CORPUS[4]],
    ["Which cities?", " ".join(CORPUS)],
    ["the lazy dog", CORPUS[6]],
    [CORPUS[0], CORPUS[0]],
]
PROMPTS = {"prompts": {"query": "find orders: ", "document": ""}, "default_prompt_name": None}
ACTIVATIONS = {"Tanh": torch.tanh, "Identity": lambda x: x, "ReLU": torch.relu, "GELU": torch.nn.functional.gelu}


def read(path: pathlib.Path):
    return json.loads(path.read_text()) if path.is_file() else {}


def window(folder: pathlib.Path, config) -> int:
    """Longest text in tokens, as sentence-transformers reads it."""
    positions = config.max_position_embeddings
    if config.model_type in ("roberta", "xlm-roberta"):
        positions -= config.pad_token_id + 1
    for file, field in [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")]:
        said = read(folder / file).get(field)
        if said is not None:
            return int(min(said, positions))
    return positions


class Encoder:
    """A model with its tokenizer. Texts are run one at a time: nothing is padded, so nothing can leak from padding."""

    def __init__(self, folder: pathlib.Path, kind=AutoModel):
        self.folder = folder
        self.model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(window(folder, self.model.config))

    def inputs(self, first: str, second: str | None = None) -> dict:
        encoded = self.tokenizer.encode(first.strip(), second.strip() if second is not None else None)
        ids = torch.tensor([encoded.ids])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self.model.config.model_type == "bert":
            inputs["token_type_ids"] = torch.tensor([encoded.type_ids])
        return inputs

    def states(self, text: str) -> torch.Tensor:
        with torch.no_grad():
            return self.model(**self.inputs(text)).last_hidden_state[0]

    def vector(self, text: str, prompt: str = "") -> torch.Tensor:
        pooling = read(self.folder / "1_Pooling" / "config.json")
        states = self.states(prompt + text)
        # The prompt alone ends with a mark that stands behind the text here.
        skip = 0
        if prompt and not pooling.get("include_prompt", True):
            skip = len(self.tokenizer.encode(prompt.strip()).ids) - 1
        vector = pool(pooling, states, skip)
        for module in read(self.folder / "modules.json") or []:
            if module["type"].endswith(".Dense"):
                vector = dense(self.folder / module["path"], vector)
        return vector / vector.norm().clamp_min(1e-12)

    def score(self, query: str, document: str) -> torch.Tensor:
        with torch.no_grad():
            number = self.model(**self.inputs(query, document)).logits[0, 0]
        config = read(self.folder / "config.json")
        said = config.get("sentence_transformers", {}).get("activation_fn")
        said = said or config.get("sbert_ce_default_activation_function") or "Sigmoid"
        return number if said.endswith("Identity") else torch.sigmoid(number)


def pool(config: dict, states: torch.Tensor, skip: int) -> torch.Tensor:
    rest = states[skip:]
    weights = torch.arange(skip + 1, len(states) + 1, dtype=torch.float32)[:, None]
    poolings = [
        ("cls", "cls_token", lambda: states[0]),
        ("max", "max_tokens", lambda: rest.max(0).values),
        ("mean", "mean_tokens", lambda: rest.mean(0)),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", lambda: rest.sum(0) / len(rest) ** 0.5),
        ("weightedmean", "weightedmean_tokens", lambda: (rest * weights).sum(0) / weights.sum()),
        ("lasttoken", "lasttoken", lambda: states[-1]),
    ]
    named = config.get("pooling_mode")
    parts = [
        make()
        for name, flag, make in poolings
        if named == name or (named is None and config.get(f"pooling_mode_{flag}"))
    ]
    return torch.cat(parts or [rest.mean(0)])


def dense(folder: pathlib.Path, vector: torch.Tensor) -> torch.Tensor:
    config, weights = read(folder / "config.json"), load_file(folder / "model.safetensors")
    activation = ACTIVATIONS[config["activation_function"].rsplit(".", 1)[-1]]
    return activation(torch.nn.functional.linear(vector, weights["linear.weight"], weights.get("linear.bias")))


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=marks, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def pieces(pre_tokenizer, decoder, alphabet: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def roberta() -> Tokenizer:
    tokenizer = pieces(
        pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel(), pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def xlm_roberta() -> Tokenizer:
    tokenizer = pieces(pre_tokenizers.Metaspace(), decoders.Metaspace(), [])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def shake(model: torch.nn.Module, seed: int) -> None:
    """Random weights everywhere: fresh models have ones in norms and zeros in biases, which hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "norm" in name.lower():
                weight.copy_(1 + 0.2 * noise)
            elif "embed" in name:
                weight.copy_(noise)
            else:
                weight.copy_(1.5 * noise / weight.shape[-1] ** 0.5)


def flags(**modes: bool) -> dict:
    names = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return {f"pooling_mode_{name}": modes.get(name, False) for name in names}


def configurations() -> dict:
    bert = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96)
    marks = dict(bos_token_id=0, pad_token_id=1, eos_token_id=2, type_vocab_size=1, max_position_embeddings=66)
    modern = dict(
        hidden_size=64, num_attention_heads=4, intermediate_size=72, num_hidden_layers=4, max_position_embeddings=128,
        local_attention=12, global_attn_every_n_layers=3,
        pad_token_id=0, bos_token_id=2, cls_token_id=2, eos_token_id=3, sep_token_id=3,
    )
    return {
        "bert": lambda size, **more: BertConfig(vocab_size=size, **bert, max_position_embeddings=64, **more),
        "roberta": lambda size, **more: RobertaConfig(vocab_size=size, **bert, **marks, layer_norm_eps=1e-5, **more),
        "xlm-roberta": lambda size, **more: XLMRobertaConfig(
            vocab_size=size, **bert, **marks, layer_norm_eps=1e-5, **more
        ),
        "distilbert": lambda size, **more: DistilBertConfig(
            vocab_size=size, dim=48, n_layers=3, n_heads=4, hidden_dim=96, max_position_embeddings=64, **more
        ),
        "modernbert": lambda size, **more: ModernBertConfig(
            **{"vocab_size": size, **modern, **more}
        ),
    }


TOKENIZERS = {
    "bert": wordpiece, "distilbert": wordpiece, "modernbert": wordpiece, "roberta": roberta, "xlm-roberta": xlm_roberta,
}
ENCODERS = [
    ("bert", "bert", BertModel, {}, None),
    ("bert-dense", "bert", BertModel, {"hidden_act": "gelu_new"}, {"pooling_mode": "mean", "include_prompt": False}),
    ("roberta", "roberta", RobertaModel, {}, flags(max_tokens=True)),
    ("xlm-roberta", "xlm-roberta", XLMRobertaModel, {}, flags(lasttoken=True)),
    ("distilbert", "distilbert", DistilBertModel, {}, flags(mean_sqrt_len_tokens=True)),
    ("modernbert", "modernbert", ModernBertModel, {}, flags(cls_token=True, mean_tokens=True)),
    (
        "modernbert-biased", "modernbert", ModernBertModel,
        {
            "hidden_size": 48, "num_attention_heads": 2, "norm_bias": True, "attention_bias": True, "mlp_bias": True,
            "hidden_activation": "silu",
        },
        flags(weightedmean_tokens=True),
    ),
]
RERANKERS = [
    ("bert-reranker", "bert", BertForSequenceClassification, {}),
    (
        "roberta-reranker", "roberta", RobertaForSequenceClassification,
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    ),
    ("xlm-roberta-reranker", "xlm-roberta", XLMRobertaForSequenceClassification, {}),
    ("distilbert-reranker", "distilbert", DistilBertForSequenceClassification, {}),
    ("modernbert-reranker", "modernbert", ModernBertForSequenceClassification, {}),
    (
        "modernbert-reranker-mean", "modernbert", ModernBertForSequenceClassification,
        {"classifier_pooling": "mean", "classifier_bias": True, "norm_bias": True},
    ),
]


def save(folder: pathlib.Path, family: str, kind, options: dict, seed: int) -> None:
    folder.mkdir(parents=True)
    tokenizer = TOKENIZERS[family]()
    model = kind(configurations()[family](tokenizer.get_vocab_size(), **options)).eval()
    shake(model, seed)
    # Whole or in shards: both are read.
    model.save_pretrained(folder, max_shard_size="60KB" if family == "xlm-roberta" else "5GB")
    # Limits pinned in the file must not reach the reader.
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))


def make_dense(folder: pathlib.Path, width: int) -> None:
    """What stands behind the pooling, listed in modules.json."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    inner = folder / "2_Dense"
    inner.mkdir()
    activation = "torch.nn.modules.activation.Tanh"
    config = {"in_features": width, "out_features": 20, "bias": True, "activation_function": activation}
    (inner / "config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(7)
    weights = {
        "linear.weight": torch.randn((20, width), generator=generator) / width**0.5,
        "linear.bias": 0.3 * torch.randn(20, generator=generator),
    }
    save_file(weights, inner / "model.safetensors")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(PROMPTS))


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "texts.json").write_text(json.dumps({"texts": TEXTS, "pairs": PAIRS}, ensure_ascii=False))
    for seed, (name, family, kind, options, pooling) in enumerate(ENCODERS):
        folder = out / name
        save(folder, family, kind, options, seed)
        if pooling is not None:
            (folder / "1_Pooling").mkdir()
            (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        if name == "bert-dense":
            make_dense(folder, 48)
        encoder = Encoder(folder)
        made = {
            "vectors": torch.stack([encoder.vector(text) for text in TEXTS]),
            "states": torch.cat([encoder.states(text) for text in TEXTS]).contiguous(),
        }
        if name == "bert-dense":
            prompt = PROMPTS["prompts"]["query"]
            made["prompted"] = torch.stack([encoder.vector(text, prompt) for text in TEXTS])
        save_file(made, folder / "expected.safetensors")
    for seed, (name, family, kind, options) in enumerate(RERANKERS):
        folder = out / name
        save(folder, family, kind, {"num_labels": 1, **options}, 100 + seed)
        encoder = Encoder(folder, AutoModelForSequenceClassification)
        save_file({"scores": torch.stack([encoder.score(*pair) for pair in PAIRS])}, folder / "expected.safetensors")
        print(f"{name}: scores of {len(PAIRS)} pairs")


if __name__ == "__main__":
    main()
