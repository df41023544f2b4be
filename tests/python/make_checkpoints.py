"""Makes tiny, randomly initialised decoders and what transformers makes of them, for the parity tests.

    python make_checkpoints.py OUT

writes OUT/<name>/ for each decoder: a Hugging Face directory (config, weights, tokenizer, chat template) with
expected.json (prompt, ids, greedy tokens and their text; "more": the same for prompts of other lengths; chats written
out) and expected.safetensors (scores of the prompt). Scores are computed in f64, all else in f32, with attention
written out.
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
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


# Tokens of the prompts that run side by side, the mark at the start included.
LENGTHS = [2, 5, 11, 17, 33, 64, 100, 180]
NEW = 64
# Nearer than this to the runner-up, rounding could choose another token.
MARGIN = 2e-3


def shake(model: torch.nn.Module, seed: int) -> None:
    """Random weights everywhere: fresh models have ones in norms and zeros in biases, which hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    gemma = "Gemma" in type(model).__name__
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name.lower() and name.endswith("weight"):
                # Gemma multiplies by one more than what is stored.
                weight.copy_((0.5 if gemma else 1) + 0.2 * noise)
            elif "embed" in name:
                # Gemma multiplies what it looks up, here by 8: layers must not drown in it. Where scores are made with
                # the same numbers, they come out twice as large as with an own head, and so does what rounding does.
                weight.copy_((0.5 if gemma or model.config.tie_word_embeddings else 1) * noise)
            elif name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "lm_head" in name:
                weight.copy_(4 * noise / weight.shape[-1] ** 0.5)
            else:
                weight.copy_(1.5 * noise / weight.shape[-1] ** 0.5)


def decoders_to_make():
    """Name, class, configuration, chat template, and lengths of the prompts."""
    sizes = dict(
        vocab_size=640, hidden_size=64, intermediate_size=176, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0, eos_token_id=1,
        attn_implementation="eager",
    )
    plain = {"rope_type": "default", "rope_theta": 1000000.0}
    linear = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
    llama3 = {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
    }
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "original_max_position_embeddings": 32}
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    # No sequence comes to the border between both sets of factors: the first model's are all on this side of it, the
    # second one's prompts are beyond.
    short = {
        "rope_type": "longrope", "rope_theta": 10000.0, "attention_factor": 1.25,
        "short_factor": [1.0 + 0.3 * i for i in range(8)], "long_factor": [9.0] * 8,
    }
    long = {
        "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
        "short_factor": [9.0] * 6, "long_factor": [1.0 + 0.7 * i for i in range(6)],
    }
    yield "llama", LlamaForCausalLM, LlamaConfig(**sizes, head_dim=16, rope_parameters=llama3), CHATML, LENGTHS
    yield "llama-biased", LlamaForCausalLM, LlamaConfig(
        **sizes, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=linear
    ), HEADERS, LENGTHS
    yield "llama-yarn", LlamaForCausalLM, LlamaConfig(
        **sizes, head_dim=24, rope_parameters=yarn
    ), CHATML, LENGTHS
    yield "llama-dynamic", LlamaForCausalLM, LlamaConfig(
        **{**sizes, "max_position_embeddings": 64}, head_dim=16, rope_parameters=dynamic
    ), CHATML, LENGTHS
    yield "qwen2", Qwen2ForCausalLM, Qwen2Config(
        **sizes, tie_word_embeddings=True, rope_parameters=plain
    ), CHATML, LENGTHS
    yield "qwen2-sliding", Qwen2ForCausalLM, Qwen2Config(
        **sizes, use_sliding_window=True, sliding_window=16, max_window_layers=2, rope_parameters=plain
    ), CHATML, LENGTHS
    yield "qwen3", Qwen3ForCausalLM, Qwen3Config(
        **sizes, head_dim=24, tie_word_embeddings=True, rope_parameters=plain
    ), CHATML, LENGTHS
    yield "qwen3-biased", Qwen3ForCausalLM, Qwen3Config(
        **sizes, head_dim=16, attention_bias=True, rope_parameters=yarn
    ), CHATML, LENGTHS
    yield "mistral", MistralForCausalLM, MistralConfig(
        **{**sizes, "num_key_value_heads": 8}, sliding_window=None, rope_parameters=plain
    ), HEADERS, LENGTHS
    yield "mistral-sliding", MistralForCausalLM, MistralConfig(
        **sizes, head_dim=24, sliding_window=16, rope_parameters=plain
    ), HEADERS, LENGTHS
    yield "gemma2", Gemma2ForCausalLM, Gemma2Config(
        **sizes, pad_token_id=0, head_dim=16, query_pre_attn_scalar=24, sliding_window=16,
        attn_logit_softcapping=5.0, final_logit_softcapping=30.0,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ), CHATML, LENGTHS
    yield "gemma3", Gemma3ForCausalLM, Gemma3TextConfig(
        **sizes, pad_token_id=0, head_dim=24, query_pre_attn_scalar=24, sliding_window=16,
        layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 4.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    ), CHATML, LENGTHS
    phi = {**sizes, "num_attention_heads": 4, "pad_token_id": 0}
    yield "phi3", Phi3ForCausalLM, Phi3Config(
        **phi, sliding_window=20, original_max_position_embeddings=256, rope_parameters=short
    ), CHATML, LENGTHS
    yield "phi3-long", Phi3ForCausalLM, Phi3Config(
        **phi, tie_word_embeddings=True, original_max_position_embeddings=16, rope_parameters=long
    ), CHATML, [33, 36, 40, 47, 55, 64, 100, 180]


def forget_length(model: torch.nn.Module) -> None:
    """Dynamic positions remember the longest sequence so far; the next one is to be met as the first."""
    rotary = model.model.rotary_emb
    if rotary.rope_type == "dynamic":
        rotary.inv_freq = rotary.original_inv_freq.clone()
        rotary.max_seq_len_cached = rotary.original_max_seq_len


def continue_greedily(model: torch.nn.Module, ids: list[int]) -> tuple[list[int], float]:
    """The next tokens, and how near the closest runner-up came."""
    forget_length(model)
    greedy, margin = [], float("inf")
    with torch.no_grad():
        told = model(torch.tensor([ids]), use_cache=True)
        while len(greedy) < NEW:
            last = told.logits[0, -1]
            top = last.topk(2).values
            margin = min(margin, float(top[0] - top[1]))
            greedy.append(int(last.argmax()))
            # Such a prompt or seed is of no use.
            if margin <= MARGIN or greedy[-1] == 1:
                return greedy, 0.0
            told = model(torch.tensor([greedy[-1:]]), past_key_values=told.past_key_values, use_cache=True)
    return greedy, margin


def further_prompt(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, length: int, number: int) -> dict:
    """A prompt of so many tokens that the model has clear answers to."""
    stream = tokenizer(" ".join(CORPUS), add_special_tokens=False)["input_ids"] * 3
    for offset in range(7 * number, len(stream) - length):
        ids = [0, *stream[offset:offset + length - 1]]
        prompt = tokenizer.decode(ids[1:])
        if tokenizer(prompt)["input_ids"] != ids:
            continue
        greedy, margin = continue_greedily(model, ids)
        if margin > MARGIN:
            text = tokenizer.decode(greedy, skip_special_tokens=True)
            return {"prompt": prompt, "ids": ids, "greedy": greedy, "text": text}
    sys.exit(f"no prompt of {length} tokens gives {NEW} clear ones")


def make_decoder(folder: pathlib.Path, kind, config, template: str, lengths: list[int]) -> None:
    tokenizer = decoder_tokenizer(template)
    ids = tokenizer(PROMPT, add_special_tokens=True, truncation=False)["input_ids"]
    model = kind(config).eval()
    # Where two tokens are nearly alike, rounding would decide: take the first weights without such a place.
    for seed in range(100):
        shake(model, seed)
        model.tie_weights()
        greedy, margin = continue_greedily(model, ids)
        if margin > MARGIN:
            break
    else:
        sys.exit(f"{folder.name}: no seed gives {NEW} clear tokens")
    model.generation_config.eos_token_id = [1]
    model.save_pretrained(folder, max_shard_size="150KB")
    # Limits pinned in the file must not reach the reader.
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.no_truncation()
    forget_length(model)
    with torch.no_grad():
        # In f64, so that a difference is all ours: in f32 these differ by up to 0.0001 from processor to processor.
        scores = model.double()(torch.tensor([ids])).logits[0].float()
        model.float()
    expected = {
        "prompt": PROMPT,
        "ids": ids,
        "greedy": greedy,
        "text": tokenizer.decode(greedy, skip_special_tokens=True),
        "more": [further_prompt(model, tokenizer, length, number) for number, length in enumerate(lengths)],
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


def wrap_gemma3(text: pathlib.Path, folder: pathlib.Path) -> None:
    """The same text model as one that sees has it within: other names, a part that is not read, and a configuration
    of the older kind."""
    ignored = shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json")
    shutil.copytree(text, folder, ignore=ignored)
    shutil.copy(text / "expected.safetensors", folder)
    tensors = {"vision_tower.vision_model.embeddings.patch_embedding.weight": torch.zeros(2, 2)}
    for shard in text.glob("model*.safetensors"):
        for name, tensor in load_file(shard).items():
            tensors[f"language_model.{name}"] = tensor
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "gemma3",
        "eos_token_id": [1],
        "torch_dtype": "float32",
        "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 2},
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 4,
            "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 24, "vocab_size": 640,
            "max_position_embeddings": 256, "query_pre_attn_scalar": 24, "sliding_window": 16,
            "sliding_window_pattern": 3, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 4.0},
        },
    }
    (folder / "config.json").write_text(json.dumps(config))


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    out = pathlib.Path(sys.argv[1])
    transformers.utils.logging.disable_progress_bar()
    for name, kind, config, template, lengths in decoders_to_make():
        make_decoder(out / name, kind, config, template, lengths)
    wrap_gemma3(out / "gemma3", out / "gemma3-sees")


if __name__ == "__main__":
    main()
