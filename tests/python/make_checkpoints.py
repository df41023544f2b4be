"""Makes tiny, randomly initialised models and what transformers makes of them, for the parity tests.

    python make_checkpoints.py OUT

writes OUT/<name>/ for each decoder: a Hugging Face directory (config, weights, tokenizer, chat template) with
expected.json (prompt, ids, greedy tokens and their text, chats written out) and expected.safetensors (scores of
the prompt), and OUT/bert/: an encoder with expected.json (texts) and expected.safetensors (unit vectors).
"""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CORPUS = [
    "How many orders were placed in each city during 2024, and which five cities placed the most?",
    "SELECT city, COUNT(*) AS orders FROM orders JOIN customers ON orders.customer_id = customers.id",
    "GROUP BY city ORDER BY orders DESC LIMIT 5;",
    "Größere Straßen, façades, naïve señoritas and Ångströms.",
    "日本語のテキストと、中文句子，以及한국어 문장입니다.",
    "Emoji: 😀😃🚀 👩‍👩‍👧‍👦 and flags 🇫🇷🇯🇵.",
    "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs.",
]
PROMPT = "How many orders per city in 2024? 日本語 😀 " + CORPUS[1]
CHATML = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nBe helpful.<|im_end|>\\n' }}{%- endif %}\n"
    "{%- for message in messages %}\n    {%- if not loop.first or message.role != 'system' %}\n"
    "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"
    "    {%- endif %}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n"
)
HEADERS = (
    "{{ bos_token }}\n{% set ns = namespace(count=0) %}\n{% for message in messages %}\n"
    "  {% set ns.count = ns.count + 1 %}\n"
    "  {% generation %}{{ '<|im_start|>' + message['role'].upper() + '\\n\\n' + message['content'] | trim }}{% endgeneration %}\n"
    "  {{- {'n': ns.count, 'words': message['content'].split(' ')[:2]} | tojson }}\n"
    "{% endfor %}\n{% if add_generation_prompt %}<|im_start|>assistant{% endif %}"
)
CHATS = [
    [{"role": "user", "content": "How many orders? 日本 <b>&'\"</b>"}],
    [
        {"role": "system", "content": "  Be brief.\n"},
        {"role": "user", "content": "Hello there, all"},
        {"role": "assistant", "content": "Hi! 😀"},
        {"role": "user", "content": "And now?"},
    ],
]
MARKS = ["<|begin|>", "<|end|>", "<|im_start|>", "<|im_end|>"]


def decoder_tokenizer(template: str) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=MARKS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))]
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>")
    wrapped.chat_template = template
    return wrapped


def shake(model: torch.nn.Module, seed: int) -> None:
    """Random weights everywhere: fresh models have ones in norms and zeros in biases, which hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name.lower() and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise)
            elif "embed" in name:
                weight.copy_(noise)
            elif name.endswith("bias"):
                weight.copy_(0.3 * noise)
            else:
                weight.copy_(1.5 * noise / weight.shape[-1] ** 0.5)


def decoders_to_make():
    sizes = dict(
        vocab_size=640, hidden_size=64, intermediate_size=176, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0, eos_token_id=1,
    )
    llama3 = {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
    }
    linear = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
    plain = {"rope_type": "default", "rope_theta": 1000000.0}
    yield "llama", LlamaForCausalLM, LlamaConfig(**sizes, head_dim=16, rope_parameters=llama3), CHATML
    yield "llama-biased", LlamaForCausalLM, LlamaConfig(
        **sizes, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=linear
    ), HEADERS
    yield "qwen2", Qwen2ForCausalLM, Qwen2Config(**sizes, tie_word_embeddings=True, rope_parameters=plain), CHATML
    yield "mistral", MistralForCausalLM, MistralConfig(
        **{**sizes, "num_key_value_heads": 8}, sliding_window=None, rope_parameters=plain
    ), HEADERS


def continue_greedily(model: torch.nn.Module, ids: list[int]) -> tuple[list[int], float]:
    """64 tokens, and how near the closest runner-up came."""
    row, margin = list(ids), float("inf")
    with torch.no_grad():
        for _ in range(64):
            last = model(torch.tensor([row])).logits[0, -1]
            top = last.topk(2).values
            margin = min(margin, float(top[0] - top[1]))
            row.append(int(last.argmax()))
    return row[len(ids):], margin


def make_decoder(folder: pathlib.Path, kind, config, template: str) -> None:
    tokenizer = decoder_tokenizer(template)
    ids = tokenizer(PROMPT, add_special_tokens=True, truncation=False)["input_ids"]
    model = kind(config).eval()
    # Where two tokens are nearly alike, rounding would decide: take the first weights without such a place.
    for seed in range(100):
        shake(model, seed)
        model.tie_weights()
        greedy, margin = continue_greedily(model, ids)
        if margin > 2e-3 and 1 not in greedy:
            break
    else:
        sys.exit(f"{folder.name}: no seed gives 64 clear tokens")
    model.generation_config.eos_token_id = [1]
    model.save_pretrained(folder, max_shard_size="150KB")
    # Limits pinned in the file must not reach the reader.
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.no_truncation()
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0]
    expected = {
        "prompt": PROMPT,
        "ids": ids,
        "greedy": greedy,
        "text": tokenizer.decode(greedy, skip_special_tokens=True),
        "chats": [
            {
                "messages": chat,
                "text": tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True),
            }
            for chat in CHATS
        ],
    }
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False))
    save_file({"scores": scores.contiguous()}, folder / "expected.safetensors")
    print(f"{folder.name}: {len(ids)} tokens, seed {seed}, closest call {margin:.4f}")


def make_bert(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=48, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=96, max_position_embeddings=64,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    shake(model, 5)
    model.save_pretrained(folder)


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    out = pathlib.Path(sys.argv[1])
    transformers.utils.logging.disable_progress_bar()
    for name, kind, config, template in decoders_to_make():
        make_decoder(out / name, kind, config, template)
    make_bert(out / "bert")


if __name__ == "__main__":
    main()
