"""Everything a program does with OpenAI's package, against the server that BASE_URL names.

Prints one line of JSON for each scenario: {"scenario", "ok", "detail"}. Words are nobody's business here, since the
local model has random weights: what is looked at is the shape of answers, and the class of errors.
"""

import base64
import json
import os
import re
import struct
import time
import traceback
import urllib.request
from typing import Literal

import openai
from pydantic import BaseModel

TARGET = os.environ["TARGET"]
MODEL, VECTORS, RANKS = os.environ["MODEL"], os.environ["VECTORS"], os.environ["RANKS"]
KEY, LIMITED_KEY = os.environ["API_KEY"], os.environ["LIMITED_KEY"]
# What counts as soon: the machine may be busy.
SOON = 30

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=KEY, max_retries=0, timeout=90)
SCHEMA = {
    "type": "object",
    "properties": {"town": {"type": "string", "enum": ["Oslo", "Bergen"]}},
    "required": ["town"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": "Weather.", "parameters": SCHEMA, "strict": True},
}
ONE_CALL = {"tool_choice": {"type": "function", "function": {"name": "look_up"}}, "parallel_tool_calls": False}
# A model with random weights must not end where its dice fall; others do not know the word.
ON = {"ignore_eos": True}
# Without dice: the route of responses knows no seed.
SURELY = {"temperature": 0.0, "max_output_tokens": 24}
scenarios = {}


class Weather(BaseModel):
    town: Literal["Oslo", "Bergen"]
    sunny: bool


def scenario(act):
    scenarios[act.__name__] = act
    return act


def user(text):
    return {"role": "user", "content": text}


def ask(text="Tell me about boats.", **more):
    asked = {"model": MODEL, "messages": [user(text)], "max_tokens": 24, "seed": 7, "extra_body": ON}
    return client.chat.completions.create(**{**asked, **more})


def refused(kind, act):
    """The error that `act` raises, which is of this very class."""
    try:
        act()
    except openai.OpenAIError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def fetched(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=SOON) as response:
        return response.read().decode()


def metric(name, label=""):
    """The sum of a number's series for the model, with this label where one is given."""
    total = 0.0
    for line in fetched(os.environ["METRICS_URL"]).splitlines():
        series, _, value = line.rpartition(" ")
        if series.startswith(name + "{") and f'gen_ai_request_model="{MODEL}"' in series and label in series:
            total += float(value)
    return total


def soon(what, check):
    end = time.monotonic() + SOON
    while not check():
        assert time.monotonic() < end, f"{what} did not happen within {SOON} s"
        time.sleep(0.05)


def counted(usage):
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0, usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage


@scenario
def chat():
    answer = ask()
    assert answer.object == "chat.completion" and answer.id and answer.created > 0, answer
    assert answer._request_id, "no x-request-id"
    [choice] = answer.choices
    assert choice.index == 0 and choice.message.role == "assistant", choice
    assert isinstance(choice.message.content, str) and choice.message.content, choice
    assert choice.finish_reason in ("stop", "length"), choice
    counted(answer.usage)
    assert answer.usage.completion_tokens <= 24, answer.usage


@scenario
def chat_stream():
    whole = ask()
    text, reasons, roles = "", [], []
    for chunk in ask(stream=True):
        assert chunk.object == "chat.completion.chunk" and chunk.usage is None, chunk
        for choice in chunk.choices:
            roles += [choice.delta.role] if choice.delta.role else []
            text += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert roles and set(roles) == {"assistant"}, roles
    assert reasons == [whole.choices[0].finish_reason], reasons
    assert text == whole.choices[0].message.content, (text, whole.choices[0].message.content)


@scenario
def chat_stream_helper():
    # It refuses answers that were cut for their length, so the form is what ends this one.
    asked = {"model": MODEL, "messages": [user("How is Oslo?")], "max_tokens": 256, "seed": 2}
    with client.chat.completions.stream(**asked, response_format=Weather) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds, kinds
    assert isinstance(final.choices[0].message.parsed, Weather), final


@scenario
def tools():
    asked = [user("What is the weather in Oslo?")]
    called = ask(messages=asked, tools=[TOOL], **ONE_CALL, max_tokens=256)
    message = called.choices[0].message
    [call] = message.tool_calls
    assert call.type == "function" and call.id and call.function.name == "look_up", call
    assert json.loads(call.function.arguments)["town"] in ("Oslo", "Bergen"), call
    assert called.choices[0].finish_reason in ("tool_calls", "stop"), called
    answered = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees and rain"}
    told = ask(
        messages=[*asked, message.model_dump(exclude_none=True), answered], tools=[TOOL], tool_choice="none"
    )
    assert told.choices[0].message.content and not told.choices[0].message.tool_calls, told


@scenario
def tools_stream():
    name, ids, arguments = "", [], ""
    for chunk in ask("Weather?", tools=[TOOL], **ONE_CALL, max_tokens=256, stream=True):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                ids += [call.id] if call.id else []
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert len(ids) == 1 and name == "look_up", (ids, name)
    assert json.loads(arguments)["town"] in ("Oslo", "Bergen"), arguments


@scenario
def parallel_tools():
    other = {"type": "function", "function": {**TOOL["function"], "name": "look_back"}}
    asked = {"tools": [TOOL, other], "tool_choice": "required", "parallel_tool_calls": True, "max_tokens": 1024}
    calls = ask("The weather in both towns, please.", **asked).choices[0].message.tool_calls
    assert calls and len({call.id for call in calls}) == len(calls), calls
    assert {call.function.name for call in calls} <= {"look_up", "look_back"}, calls
    if TARGET == "proxied":
        assert len(calls) == 2, calls
    return f"{len(calls)} calls"


@scenario
def schema_parse():
    asked = {"model": MODEL, "messages": [user("How is Oslo?")], "max_tokens": 256, "seed": 1}
    answer = client.chat.completions.parse(**asked, response_format=Weather)
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, Weather), answer
    return parsed.model_dump_json()


@scenario
def json_object():
    answer = ask("An object, please.", response_format={"type": "json_object"}, max_tokens=512, extra_body={})
    [choice] = answer.choices
    # Random weights may go on for ever; whole objects have to be objects.
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict), choice
    return choice.finish_reason


@scenario
def logprobs():
    answer = ask(logprobs=True, top_logprobs=3)
    told = answer.choices[0].logprobs.content
    assert 0 < len(told) <= answer.usage.completion_tokens, (len(told), answer.usage)
    for token in told:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3, token
        assert isinstance(token.bytes, list), token


@scenario
def several():
    # Random weights write one token again and again unless they are kept from it.
    answer = ask(n=3, temperature=1.5, frequency_penalty=2.0)
    assert [choice.index for choice in answer.choices] == [0, 1, 2], answer
    assert len({choice.message.content for choice in answer.choices}) > 1, "one answer three times"
    counted(answer.usage)
    indexes = {choice.index for chunk in ask(n=3, stream=True) for choice in chunk.choices}
    assert indexes == {0, 1, 2}, indexes


@scenario
def stop():
    varied = {"temperature": 1.5, "frequency_penalty": 2.0}
    whole = ask(**varied).choices[0].message.content
    found = [match for match in re.finditer(r"[a-z0-9]{3,}", whole) if match.start() > 0]
    assert found, f"no word in {whole!r}"
    word = found[len(found) // 2].group()
    [choice] = ask(stop=[word], **varied).choices
    assert choice.finish_reason == "stop" and word not in choice.message.content, choice
    assert whole.startswith(choice.message.content), (whole, choice)
    return word


@scenario
def seed():
    one, two, other = (ask(seed=n, temperature=1.0).choices[0].message.content for n in (11, 11, 12))
    assert one == two, (one, two)
    assert one != other, one


@scenario
def usage_in_stream():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    last = chunks[-1]
    assert last.choices == [] and last.usage is not None, last
    counted(last.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1]), "usage before the end"
    assert last.usage.total_tokens == ask().usage.total_tokens, last.usage


@scenario
def completions():
    asked = {"model": MODEL, "prompt": ["Once upon", "a time"], "max_tokens": 8, "extra_body": ON}
    answer = client.completions.create(**asked)
    assert answer.object == "text_completion" and [c.index for c in answer.choices] == [0, 1], answer
    counted(answer.usage)
    asked["prompt"] = "Once upon"
    chunks = list(client.completions.create(**asked, stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices), chunks


@scenario
def embeddings():
    texts = ["a red boat", "a blue car"]
    decoded = client.embeddings.create(model=VECTORS, input=texts)
    plain = client.embeddings.create(model=VECTORS, input=texts, encoding_format="float")
    assert [row.index for row in plain.data] == [0, 1], plain.data
    for one, two in zip(decoded.data, plain.data, strict=True):
        assert len(one.embedding) == len(two.embedding) > 1
        assert all(abs(a - b) < 1e-5 for a, b in zip(one.embedding, two.embedding)), "two vectors of one text"
    assert plain.data[0].embedding != plain.data[1].embedding
    assert plain.usage.prompt_tokens > 0 and plain.usage.total_tokens >= plain.usage.prompt_tokens, plain.usage


@scenario
def embeddings_base64():
    packed = client.embeddings.create(model=VECTORS, input="a red boat", encoding_format="base64")
    plain = client.embeddings.create(model=VECTORS, input="a red boat", encoding_format="float")
    text = packed.data[0].embedding
    assert isinstance(text, str), type(text)
    data = base64.b64decode(text)
    numbers = struct.unpack(f"<{len(data) // 4}f", data)
    assert len(numbers) == len(plain.data[0].embedding)
    assert all(abs(a - b) < 1e-5 for a, b in zip(numbers, plain.data[0].embedding))


@scenario
def models():
    listed = [model.id for model in client.models.list()]
    assert MODEL in listed and VECTORS in listed, listed
    one = client.models.retrieve(MODEL)
    assert one.id == MODEL and one.object == "model", one


@scenario
def rerank():
    body = {"model": RANKS, "query": "red boat", "documents": ["a blue car", "a red boat", "a red car"], "top_n": 2}
    answer = client.post("/rerank", cast_to=object, body=body)
    rows = answer["results"]
    assert [row["index"] for row in rows] == [1, 2], answer
    assert rows[0]["relevance_score"] >= rows[1]["relevance_score"], answer


@scenario
def responses():
    answer = client.responses.create(model=MODEL, input="Tell me about boats.", **SURELY)
    assert answer.object == "response" and answer.id and answer.output_text, answer
    assert answer.status in ("completed", "incomplete"), answer.status
    usage = answer.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0, usage


@scenario
def responses_stream():
    asked = {"model": MODEL, "input": "Tell me about boats.", **SURELY}
    events = list(client.responses.create(**asked, stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created", kinds
    assert kinds[-1] in ("response.completed", "response.incomplete"), kinds
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers)), numbers
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text and text == events[-1].response.output_text, text
    # The package's own reader puts the events together and is strict about their order.
    with client.responses.stream(**asked) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
    assert snapshots, "nothing was told"


@scenario
def responses_tools():
    tool = {"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": True}
    asked = user("Look up Oslo.")
    first = client.responses.create(
        model=MODEL, input=[asked], tools=[tool], tool_choice={"type": "function", "name": "look_up"},
        parallel_tool_calls=False, max_output_tokens=256,
    )
    [call] = [item for item in first.output if item.type == "function_call"]
    assert call.name == "look_up" and json.loads(call.arguments)["town"] in ("Oslo", "Bergen"), call
    again = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    answered = {"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"}
    second = client.responses.create(model=MODEL, input=[asked, again, answered], **SURELY)
    assert second.output_text, second


@scenario
def bad_request():
    error = refused(openai.BadRequestError, lambda: ask(temperature=9))
    assert error.param == "temperature", error.body
    assert error.request_id, "no x-request-id"
    refused(openai.BadRequestError, lambda: ask(messages=[]))


@scenario
def authentication():
    stranger = client.with_options(api_key="tg-wrong")
    error = refused(openai.AuthenticationError, lambda: stranger.models.list())
    assert error.code == "invalid_api_key", error.body
    asked = {"model": MODEL, "messages": [user("hi")]}
    for stream in (False, True):
        refused(openai.AuthenticationError, lambda: stranger.chat.completions.create(**asked, stream=stream))


@scenario
def not_found():
    error = refused(openai.NotFoundError, lambda: ask(model="nobody"))
    assert error.code == "model_not_found", error.body
    refused(openai.NotFoundError, lambda: ask(model="nobody", stream=True))
    refused(openai.NotFoundError, lambda: client.models.retrieve("nobody"))
    refused(openai.NotFoundError, lambda: client.embeddings.create(model="nobody", input="hi"))


@scenario
def rate_limit():
    for stream in (False, True):
        error = refused(openai.RateLimitError, lambda: ask(model=os.environ["BUSY"], stream=stream))
        assert int(error.response.headers["retry-after"]) >= 1, error.response.headers


@scenario
def key_limit():
    limited = client.with_options(api_key=LIMITED_KEY)
    asked = {"model": MODEL, "messages": [user("hi")], "max_tokens": 1}
    # It may ask once a minute.
    limited.chat.completions.create(**asked)
    error = refused(openai.RateLimitError, lambda: limited.chat.completions.create(**asked))
    assert int(error.response.headers["retry-after"]) >= 1, error.response.headers


@scenario
def cancel():
    cancelled = 'gen_ai_response_finish_reason="cancelled"'
    before = metric("tidegate_requests_finished_total", cancelled)
    stream = ask("slowly, please", max_tokens=30000, stream=True)
    for number, _ in enumerate(stream):
        if number == 2:
            break
    assert metric("tidegate_calls_open") >= 1, "a call under way is not counted"
    stream.close()
    soon("the call's end", lambda: metric("tidegate_calls_open") == 0)
    if TARGET == "local":
        soon("the free place", lambda: metric("tidegate_requests_running") == 0)
        soon("the cancelling", lambda: metric("tidegate_requests_finished_total", cancelled) > before)
        return

    def counts():
        return json.loads(fetched(os.environ["COUNTS_URL"]))

    soon("the upstream's notice", lambda: counts()["aborted"] >= 1 and counts()["running"] == 0)


def over_long():
    error = refused(openai.BadRequestError, lambda: ask("boats and cars " * 4000))
    assert error.code == "context_length_exceeded", error.body


def image_to_a_text_model():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    refused(openai.BadRequestError, lambda: ask(messages=[message]))


def broken_upstreams():
    broken = os.environ["BROKEN"]
    for text in ("garbage", "html", "nothing", "hang up"):
        for stream in (False, True):
            try:
                answer = ask(text, model=broken, stream=stream)
                if stream:
                    list(answer)
            except openai.APIError:
                continue
            raise AssertionError(f"{text}, stream {stream}: taken for an answer")
    for text in ("cut", "fail midway"):
        told = []
        try:
            for chunk in ask(text, model=broken, stream=True):
                told.append(chunk)
        except openai.APIError:
            assert told, f"{text}: nothing was told before the error"
            continue
        raise AssertionError(f"{text}: the stream ended as if all were well")


for act in (over_long, image_to_a_text_model) if TARGET == "local" else (broken_upstreams,):
    scenario(act)

for name, act in scenarios.items():
    try:
        line = {"scenario": name, "ok": True, "detail": act() or ""}
    except Exception:
        line = {"scenario": name, "ok": False, "detail": traceback.format_exc(limit=-3)}
    print(json.dumps(line), flush=True)
