"""Embeds texts with transformers, as sentence-transformers does for MiniLM: mean of the last states, unit length.

    python embed_texts.py MODEL_DIRECTORY TEXTS.json OUT.safetensors
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertModel

# There is no CUDA here, only stand-ins for its libraries; transformers asks it all the same.
torch.cuda.is_current_stream_capturing = lambda: False


def window(folder: pathlib.Path, positions: int) -> int:
    """Longest text in tokens, as sentence-transformers reads it."""
    for file, field in [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")]:
        path = folder / file
        said = json.loads(path.read_text()).get(field) if path.is_file() else None
        if said is not None:
            return int(min(said, positions))
    return positions


def main() -> None:
    torch.set_num_threads(1)
    folder, texts, out = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32).eval()
    tokenizer.no_padding()
    tokenizer.enable_truncation(window(folder, model.config.max_position_embeddings))
    vectors = []
    with torch.no_grad():
        for text in texts:
            # One at a time: nothing is padded, so nothing can leak from padding.
            ids = torch.tensor([tokenizer.encode(text).ids])
            mean = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].mean(0)
            vectors.append(mean / mean.norm())
    save_file({"vectors": torch.stack(vectors)}, out)


if __name__ == "__main__":
    main()
