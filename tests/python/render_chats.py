"""Writes conversations with tools out as transformers does, for the parity tests of chat templates.

    python render_chats.py CHECKPOINT CASES OUT

CHECKPOINT is a Hugging Face directory whose tokenizer names the special tokens. CASES is a JSON list of objects with
`template` (the text of a chat template), `messages`, `tools` (a list, or null) and `values` (further arguments of the
template). OUT becomes a JSON list, in the same order, of objects with `text`, or with `refused` where the template
itself raises.
"""

import json
import pathlib
import sys

import jinja2
import transformers


def render(tokenizer, case: dict) -> dict:
    try:
        text = tokenizer.apply_chat_template(
            case["messages"],
            tools=case["tools"],
            chat_template=case["template"],
            tokenize=False,
            **{"add_generation_prompt": True, **case["values"]},
        )
    except jinja2.exceptions.TemplateError as error:
        return {"refused": str(error)}
    return {"text": text}


def main() -> None:
    checkpoint, cases, out = map(pathlib.Path, sys.argv[1:4])
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    rendered = [render(tokenizer, case) for case in json.loads(cases.read_text())]
    out.write_text(json.dumps(rendered, ensure_ascii=False))


if __name__ == "__main__":
    main()
