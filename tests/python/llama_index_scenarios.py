"""What a LlamaIndex program does with a chat model, against the server that BASE_URL names.

Prints one line of JSON for each scenario: {"scenario", "ok", "detail"}.
"""

import json
import os
import traceback

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

QUESTION = "What is the weather in Oslo?"
model = OpenAILike(
    model=os.environ["MODEL"],
    api_base=os.environ["BASE_URL"],
    api_key=os.environ["API_KEY"],
    is_chat_model=True,
    context_window=4096,
    max_tokens=24,
    max_retries=0,
    timeout=60.0,
)


def chat():
    answer = model.chat([ChatMessage(role="user", content=QUESTION)])
    assert answer.message.role.value == "assistant" and answer.message.content, answer


def stream_chat():
    pieces = list(model.stream_chat([ChatMessage(role="user", content=QUESTION)]))
    text = "".join(piece.delta or "" for piece in pieces)
    assert text and pieces[-1].message.content == text, (text, pieces[-1])


def complete():
    answer = model.complete(QUESTION)
    assert answer.text, answer


for act in (chat, stream_chat, complete):
    try:
        act()
        line = {"scenario": act.__name__, "ok": True, "detail": ""}
    except Exception:
        line = {"scenario": act.__name__, "ok": False, "detail": traceback.format_exc(limit=-3)}
    print(json.dumps(line), flush=True)
