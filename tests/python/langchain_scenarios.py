"""What a LangChain program does with a chat model, against the server that BASE_URL names.

Prints one line of JSON for each scenario: {"scenario", "ok", "detail"}.
"""

import json
import os
import traceback
from typing import Literal

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

QUESTION = "What is the weather in Oslo?"
model = ChatOpenAI(
    model=os.environ["MODEL"],
    base_url=os.environ["BASE_URL"],
    api_key=os.environ["API_KEY"],
    max_retries=0,
    timeout=60,
    # The newer route is chosen for some arguments by itself; the test is to know which one it takes.
    use_responses_api=False,
)


class Weather(BaseModel):
    """How the weather is in a town."""

    town: Literal["Oslo", "Bergen"]
    sunny: bool


@tool
def look_up(town: Literal["Oslo", "Bergen"]) -> str:
    """Look up the weather in a town."""
    return f"4 degrees in {town}"


def invoke():
    answer = model.invoke(QUESTION)
    assert isinstance(answer.content, str) and answer.content, answer
    assert answer.usage_metadata["total_tokens"] > 0, answer.usage_metadata
    assert answer.response_metadata["finish_reason"] == "stop", answer.response_metadata


def stream():
    chunks = list(model.stream(QUESTION))
    assert len(chunks) > 2, chunks
    assert "".join(chunk.content for chunk in chunks), chunks


def bind_tools():
    bound = model.bind_tools([look_up], tool_choice="look_up")
    asked = HumanMessage(QUESTION)
    called = bound.invoke([asked])
    [call] = called.tool_calls
    assert call["name"] == "look_up" and call["args"]["town"] in ("Oslo", "Bergen"), call
    answered = ToolMessage(look_up.invoke(call["args"]), tool_call_id=call["id"])
    told = model.invoke([asked, called, answered])
    assert isinstance(told.content, str) and told.content, told


def with_structured_output():
    answer = model.with_structured_output(Weather, method="json_schema").invoke(QUESTION)
    assert isinstance(answer, Weather), answer


for act in (invoke, stream, bind_tools, with_structured_output):
    try:
        act()
        line = {"scenario": act.__name__, "ok": True, "detail": ""}
    except Exception:
        line = {"scenario": act.__name__, "ok": False, "detail": traceback.format_exc(limit=-3)}
    print(json.dumps(line), flush=True)
