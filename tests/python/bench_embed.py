"""sentence-transformers for `cargo xtask bench embed`: reads requests as lines of JSON, answers each.

    python bench_embed.py --model DIRECTORY --reranker DIRECTORY --threads N

Requests: {"act": "embed", "texts": [...], "batch": B} and {"act": "rerank", "query": Q, "documents": [...], "batch": B}
answer with seconds; with "into": FILE the numbers are written there as 32-bit floats. The reranker is made when its
directory is missing: a cross-encoder of MiniLM's shape with random weights, over the model's own tokenizer.
"""

import argparse
import json
import pathlib
import shutil
import sys
import time

FILES = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


def make_reranker(model: pathlib.Path, into: pathlib.Path) -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    part = into.with_name(f"{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shape = json.loads((model / "config.json").read_text())
    sizes = [
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "type_vocab_size", "hidden_act", "layer_norm_eps", "pad_token_id",
    ]
    torch.manual_seed(11)
    config = BertConfig(**{name: shape[name] for name in sizes if name in shape}, num_labels=1)
    made = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            # Fresh models give every pair nearly the same score.
            if weight.ndim == 2 and "embeddings" not in name:
                weight.mul_(3.0)
    made.save_pretrained(part)
    for name in FILES:
        if (model / name).is_file():
            shutil.copy(model / name, part / name)
    part.rename(into)


class Engine:
    """The embedder and the reranker, in f32 as the library has them."""

    def __init__(self, options):
        import sentence_transformers
        import torch

        torch.set_num_threads(options.threads)
        # There may be stand-ins for CUDA's libraries; transformers asks it all the same.
        torch.cuda.is_current_stream_capturing = lambda: False
        if not options.reranker.is_dir():
            make_reranker(options.model, options.reranker)
        self.embedder = sentence_transformers.SentenceTransformer(str(options.model), device="cpu")
        self.reranker = sentence_transformers.CrossEncoder(str(options.reranker), device="cpu")
        self.version = f"{sentence_transformers.__version__}, torch {torch.__version__}"

    def embed(self, request):
        return self.embedder.encode(
            request["texts"], batch_size=request["batch"], show_progress_bar=False, convert_to_numpy=True
        )

    def rerank(self, request):
        pairs = [(request["query"], document) for document in request["documents"]]
        return self.reranker.predict(pairs, batch_size=request["batch"], show_progress_bar=False)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--reranker", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def tell(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    options = arguments()
    try:
        engine = Engine(options)
    except Exception as error:  # whatever keeps it from running is the answer
        tell({"error": f"{type(error).__name__}: {error}"})
        return
    tell({"ready": True, "version": engine.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            act = {"embed": engine.embed, "rerank": engine.rerank}[request["act"]]
            started = time.perf_counter()
            numbers = act(request)
            seconds = time.perf_counter() - started
            if "into" in request:
                pathlib.Path(request["into"]).write_bytes(numbers.astype("<f4").tobytes())
            tell({"seconds": seconds})
        except Exception as error:
            tell({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
