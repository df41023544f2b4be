"""Asks one question through OpenAI's package, whole and as a stream, and prints what came as JSON."""

import json
import os

import openai

base_url, key, question = os.environ["BASE_URL"], os.environ["API_KEY"], os.environ["QUESTION"]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
ask = {
    "model": "scripted",
    "messages": [{"role": "user", "content": question}],
    "extra_body": {"datasource": "towns"},
}

answer = client.chat.completions.create(**ask)
whole = {
    "content": answer.choices[0].message.content,
    "finish": answer.choices[0].finish_reason,
    "tidegate": answer.model_extra["tidegate"],
}

content, document, finish, usage = "", None, None, None
stream = client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
for chunk in stream:
    document = (chunk.model_extra or {}).get("tidegate") or document
    usage = chunk.usage or usage
    for choice in chunk.choices:
        content += choice.delta.content or ""
        finish = choice.finish_reason or finish
assert finish == "stop", finish
assert usage is not None and usage.total_tokens > 0, usage


def refusal(act):
    try:
        act()
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code}
    raise AssertionError("not refused")


stranger = openai.OpenAI(base_url=base_url, api_key="tg-wrong", max_retries=0)
print(
    json.dumps(
        {
            "whole": whole,
            "stream": {"content": content, "tidegate": document},
            "models": [model.id for model in client.models.list()],
            "unknown_model": refusal(lambda: client.chat.completions.create(**{**ask, "model": "nope"})),
            "bad_key": refusal(lambda: stranger.models.list()),
        }
    )
)
