"""Another engine for `cargo xtask bench decode`: reads requests as lines of JSON, answers each with its seconds.

    python bench_decode.py {transformers,llama.cpp} --model DIRECTORY --threads N --batch MOST --tokens MOST
        --formats BF16,Q8_0,Q4_0 --device {cpu,cuda}

Requests: {"act": "prefill", "format": F, "tokens": N} reads N tokens and chooses one; {"act": "decode", "format": F,
"batch": B, "steps": S, "tokens": N} reads N tokens in each of B sequences, then writes S tokens in each, of which only
the writing is timed. The first line that is printed says that the engine is ready, or why it is not.
"""

import argparse
import ctypes
import json
import pathlib
import random
import sys
import time


class Transformers:
    """bf16, by the library's own model class and cache."""

    def __init__(self, options):
        import torch
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(options.threads)
        torch.set_grad_enabled(False)
        self.torch, self.device = torch, options.device
        if self.device == "cpu":
            # Without CUDA there may be stand-ins for its libraries; transformers asks it all the same.
            torch.cuda.is_current_stream_capturing = lambda: False
        self.model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16)
        self.model = self.model.to(self.device).eval()
        self.vocabulary = self.model.config.vocab_size
        self.version = f"{transformers.__version__}, torch {torch.__version__}"

    def rows(self, batch, tokens):
        ids = [[random.randrange(1000, self.vocabulary) for _ in range(tokens)] for _ in range(batch)]
        return self.torch.tensor(ids, device=self.device)

    def settle(self):
        if self.device != "cpu":
            self.torch.cuda.synchronize()

    def read(self, ids):
        out = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        return out.past_key_values, out.logits[:, -1].argmax(-1, keepdim=True)

    def prefill(self, request):
        ids = self.rows(1, request["tokens"])
        self.settle()
        started = time.perf_counter()
        self.read(ids)
        self.settle()
        return time.perf_counter() - started

    def decode(self, request):
        cache, last = self.read(self.rows(request["batch"], request["tokens"]))
        self.settle()
        started = time.perf_counter()
        for _ in range(request["steps"]):
            out = self.model(input_ids=last, past_key_values=cache, use_cache=True)
            cache, last = out.past_key_values, out.logits[:, -1].argmax(-1, keepdim=True)
        self.settle()
        return time.perf_counter() - started


class LlamaCpp:
    """GGUF files made from the same weights, by the library's plain interface: several sequences in one batch."""

    def __init__(self, options):
        import llama_cpp
        import numpy

        self.lib, self.numpy = llama_cpp, numpy
        # Held, or the library would call into nothing. It tells of every tensor otherwise.
        self.quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.most = options.batch
        room = max(options.batch * (options.tokens + 8), 512)
        self.contexts = {}
        for name in options.formats:
            path = gguf_file(options.model, name)
            model = llama_cpp.llama_model_load_from_file(
                str(path).encode(), llama_cpp.llama_model_default_params()
            )
            if not model:
                raise RuntimeError(f"llama.cpp does not load {path.name}")
            settings = llama_cpp.llama_context_default_params()
            # The context is shared out evenly among the sequences.
            settings.n_ctx = room
            settings.n_batch = 512
            settings.n_ubatch = 512
            settings.n_seq_max = options.batch
            settings.n_threads = settings.n_threads_batch = options.threads
            settings.no_perf = True
            context = llama_cpp.llama_init_from_model(model, settings)
            if not context:
                raise RuntimeError(f"llama.cpp makes no context for {path.name}")
            vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
            self.contexts[name] = (context, vocabulary)
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)
        self.version = llama_cpp.__version__

    def clear(self, context):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(context), True)

    def run(self, context, entries):
        """Entries are (token, position, sequence, whether its scores are wanted)."""
        batch = self.batch
        batch.n_tokens = len(entries)
        for at, (token, position, sequence, wanted) in enumerate(entries):
            batch.token[at] = token
            batch.pos[at] = position
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = sequence
            batch.logits[at] = wanted
        told = self.lib.llama_decode(context, batch)
        if told != 0:
            raise RuntimeError(f"llama_decode says {told}")
        self.lib.llama_synchronize(context)

    def best(self, context, at, vocabulary):
        scores = self.lib.llama_get_logits_ith(context, at)
        return int(self.numpy.ctypeslib.as_array(scores, shape=(vocabulary,)).argmax())

    def prefill(self, request):
        context, vocabulary = self.contexts[request["format"]]
        self.clear(context)
        count = request["tokens"]
        entries = [
            (random.randrange(1000, vocabulary), at, 0, at == count - 1) for at in range(count)
        ]
        started = time.perf_counter()
        self.run(context, entries)
        self.best(context, count - 1, vocabulary)
        return time.perf_counter() - started

    def decode(self, request):
        context, vocabulary = self.contexts[request["format"]]
        self.clear(context)
        count, batch = request["tokens"], request["batch"]
        last = []
        for sequence in range(batch):
            entries = [
                (random.randrange(1000, vocabulary), at, sequence, at == count - 1) for at in range(count)
            ]
            self.run(context, entries)
            last.append(self.best(context, count - 1, vocabulary))
        started = time.perf_counter()
        for step in range(request["steps"]):
            self.run(context, [(token, count + step, sequence, True) for sequence, token in enumerate(last)])
            last = [self.best(context, at, vocabulary) for at in range(batch)]
        return time.perf_counter() - started


def gguf_file(model: pathlib.Path, name: str) -> pathlib.Path:
    """The checkpoint as a GGUF file of one format, beside it; made when it is missing."""
    path = model.with_name(f"{model.name}-{name}.gguf")
    if path.is_file():
        return path
    import gguf
    import torch
    from safetensors import safe_open

    print(f"bench: making {path.name}", file=sys.stderr, flush=True)
    config = json.loads((model / "config.json").read_text())
    kind = gguf.GGMLQuantizationType[name]
    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "qwen2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    # Tokens go in and out as numbers; there is no text to read.
    writer.add_tokenizer_model("no_vocab")
    with safe_open(model / "model.safetensors", framework="pt") as file:
        for source in file.keys():
            values = file.get_tensor(source).to(torch.float32).numpy()
            if values.ndim == 2:
                # All of them, the embedding too, which is the output matrix: the format is what is compared.
                writer.add_tensor(gguf_name(source), gguf.quants.quantize(values, kind), raw_dtype=kind)
            else:
                writer.add_tensor(gguf_name(source), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(path)
    return path


def gguf_name(source: str) -> str:
    """A tensor's name in GGUF."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if source in whole:
        return whole[source]
    parts = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    _, _, layer, rest = source.split(".", 3)
    part, what = rest.rsplit(".", 1)
    return f"blk.{layer}.{parts[part]}.{what}"


ENGINES = {"transformers": Transformers, "llama.cpp": LlamaCpp}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=list(ENGINES))
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--formats", type=lambda text: text.split(","), required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    return parser.parse_args()


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    options = arguments()
    try:
        engine = ENGINES[options.engine](options)
    except Exception as error:  # whatever keeps it from running is the answer
        tell({"error": f"{type(error).__name__}: {error}"})
        return
    tell({"ready": True, "version": engine.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            act = {"prefill": engine.prefill, "decode": engine.decode}[request["act"]]
            tell({"seconds": act(request)})
        except Exception as error:
            tell({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
