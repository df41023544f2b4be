"""Embeds texts with transformers, as sentence-transformers does with the same directory.

    python embed_texts.py MODEL_DIRECTORY TEXTS.json OUT.safetensors

writes the unit-length vectors of the texts.
"""

import json
import pathlib
import sys

import torch
from make_encoders import Encoder
from safetensors.torch import save_file


def main() -> None:
    torch.set_num_threads(1)
    folder, texts, out = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3]
    encoder = Encoder(folder)
    save_file({"vectors": torch.stack([encoder.vector(text) for text in texts])}, out)


if __name__ == "__main__":
    main()
