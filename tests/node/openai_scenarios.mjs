// Everything a program does with OpenAI's package for Node, against the server that BASE_URL names.
//
// Prints one line of JSON for each scenario: {"scenario", "ok", "detail"}. Words are nobody's business here, since the
// local model has random weights: what is looked at is the shape of answers, and the class of errors. The scenarios
// are those of python/openai_scenarios.py, by the same names.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const { TARGET, MODEL, VECTORS, RANKS, BUSY, BROKEN, API_KEY, LIMITED_KEY, BASE_URL } = process.env;
// What counts as soon: the machine may be busy.
const SOON = 30_000;
const local = TARGET === 'local';

const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, timeout: 90_000 });
const SCHEMA = {
  type: 'object',
  properties: { town: { type: 'string', enum: ['Oslo', 'Bergen'] } },
  required: ['town'],
  additionalProperties: false,
};
const TOOL = {
  type: 'function',
  function: { name: 'look_up', description: 'Weather.', parameters: SCHEMA, strict: true },
};
const ONE_CALL = {
  tool_choice: { type: 'function', function: { name: 'look_up' } },
  parallel_tool_calls: false,
};
// A model with random weights must not end where its dice fall; others do not know the word.
const ON = { ignore_eos: true };
// Without dice: the route of responses knows no seed.
const SURELY = { temperature: 0, max_output_tokens: 24 };
const Weather = z.object({ town: z.enum(['Oslo', 'Bergen']), sunny: z.boolean() });

const user = (content) => ({ role: 'user', content });

const ask = (text = 'Tell me about boats.', more = {}) =>
  client.chat.completions.create({
    model: MODEL,
    messages: [user(text)],
    max_tokens: 24,
    seed: 7,
    ...ON,
    ...more,
  });

async function all(stream) {
  const told = [];
  for await (const one of await stream) told.push(one);
  return told;
}

// The error that `act` throws, which is of this very class.
async function refused(kind, act) {
  try {
    await act();
  } catch (error) {
    assert.equal(error?.constructor?.name, kind.name, `${error}`);
    return error;
  }
  throw new Error(`no ${kind.name} was thrown`);
}

async function fetched(url) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${API_KEY}` } });
  assert.equal(response.status, 200, url);
  return response.text();
}

// The sum of a number's series for the model, with this label where one is given.
async function metric(name, label = '') {
  let total = 0;
  for (const line of (await fetched(process.env.METRICS_URL)).split('\n')) {
    const cut = line.lastIndexOf(' ');
    const series = line.slice(0, cut);
    const meant = series.includes(`gen_ai_request_model="${MODEL}"`) && series.includes(label);
    if (series.startsWith(`${name}{`) && meant) total += Number(line.slice(cut + 1));
  }
  return total;
}

async function soon(what, check) {
  const end = Date.now() + SOON;
  while (!(await check())) {
    assert(Date.now() < end, `${what} did not happen within ${SOON} ms`);
    await sleep(50);
  }
}

function counted(usage) {
  assert(usage.prompt_tokens > 0 && usage.completion_tokens > 0, JSON.stringify(usage));
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

function near(one, two) {
  assert.equal(one.length, two.length);
  assert(one.length > 1 && one.every((number, at) => Math.abs(number - two[at]) < 1e-5), 'two vectors of one text');
}

const scenarios = {
  async chat() {
    const answer = await ask();
    assert.equal(answer.object, 'chat.completion');
    assert(answer._request_id, 'no x-request-id');
    const [choice] = answer.choices;
    assert.equal(answer.choices.length, 1);
    assert.equal(choice.message.role, 'assistant');
    assert(choice.message.content.length > 0);
    assert(['stop', 'length'].includes(choice.finish_reason), choice.finish_reason);
    counted(answer.usage);
    assert(answer.usage.completion_tokens <= 24);
  },

  async chat_stream() {
    const whole = await ask();
    let text = '';
    const [reasons, roles] = [[], []];
    for await (const chunk of await ask(undefined, { stream: true })) {
      assert.equal(chunk.object, 'chat.completion.chunk');
      assert.equal(chunk.usage ?? null, null);
      for (const choice of chunk.choices) {
        if (choice.delta.role) roles.push(choice.delta.role);
        text += choice.delta.content ?? '';
        if (choice.finish_reason) reasons.push(choice.finish_reason);
      }
    }
    assert(roles.length > 0 && roles.every((role) => role === 'assistant'), `${roles}`);
    assert.deepEqual(reasons, [whole.choices[0].finish_reason]);
    assert.equal(text, whole.choices[0].message.content);
  },

  async chat_stream_helper() {
    // It refuses answers that were cut for their length, so the form is what ends this one.
    const stream = client.chat.completions.stream({
      model: MODEL,
      messages: [user('How is Oslo?')],
      max_tokens: 256,
      seed: 2,
      response_format: zodResponseFormat(Weather, 'weather'),
    });
    let pieces = 0;
    stream.on('content', () => {
      pieces += 1;
    });
    const final = await stream.finalChatCompletion();
    assert(pieces > 0, 'nothing was told');
    Weather.parse(final.choices[0].message.parsed);
  },

  async tools() {
    const asked = [user('What is the weather in Oslo?')];
    const called = await ask('', { messages: asked, tools: [TOOL], ...ONE_CALL, max_tokens: 256 });
    const { message, finish_reason } = called.choices[0];
    assert.equal(message.tool_calls.length, 1);
    const [call] = message.tool_calls;
    assert(call.type === 'function' && call.id && call.function.name === 'look_up', JSON.stringify(call));
    assert(['Oslo', 'Bergen'].includes(JSON.parse(call.function.arguments).town));
    assert(['tool_calls', 'stop'].includes(finish_reason), finish_reason);
    const answered = { role: 'tool', tool_call_id: call.id, content: '4 degrees and rain' };
    const told = await ask('', { messages: [...asked, message, answered], tools: [TOOL], tool_choice: 'none' });
    assert(told.choices[0].message.content.length > 0);
    assert(!told.choices[0].message.tool_calls?.length);
  },

  async tools_stream() {
    let [name, text] = ['', ''];
    const ids = [];
    const asked = { tools: [TOOL], ...ONE_CALL, max_tokens: 256, stream: true };
    for await (const chunk of await ask('Weather?', asked)) {
      for (const call of chunk.choices.flatMap((choice) => choice.delta.tool_calls ?? [])) {
        if (call.id) ids.push(call.id);
        name += call.function?.name ?? '';
        text += call.function?.arguments ?? '';
      }
    }
    assert.equal(ids.length, 1);
    assert.equal(name, 'look_up');
    assert(['Oslo', 'Bergen'].includes(JSON.parse(text).town), text);
  },

  async parallel_tools() {
    const other = { ...TOOL, function: { ...TOOL.function, name: 'look_back' } };
    const answer = await ask('The weather in both towns, please.', {
      tools: [TOOL, other],
      tool_choice: 'required',
      parallel_tool_calls: true,
      max_tokens: 1024,
    });
    const calls = answer.choices[0].message.tool_calls;
    assert(calls.length > 0);
    assert.equal(new Set(calls.map((call) => call.id)).size, calls.length);
    assert(calls.every((call) => ['look_up', 'look_back'].includes(call.function.name)));
    if (!local) assert.equal(calls.length, 2);
    return `${calls.length} calls`;
  },

  async schema_parse() {
    const answer = await client.chat.completions.parse({
      model: MODEL,
      messages: [user('How is Oslo?')],
      max_tokens: 256,
      seed: 1,
      response_format: zodResponseFormat(Weather, 'weather'),
    });
    const { parsed } = answer.choices[0].message;
    return JSON.stringify(Weather.parse(parsed));
  },

  async json_object() {
    const asked = { response_format: { type: 'json_object' }, max_tokens: 512, ignore_eos: false };
    const [choice] = (await ask('An object, please.', asked)).choices;
    // Random weights may go on for ever; whole objects have to be objects.
    if (choice.finish_reason === 'stop') assert.equal(typeof JSON.parse(choice.message.content), 'object');
    return choice.finish_reason;
  },

  async logprobs() {
    const answer = await ask(undefined, { logprobs: true, top_logprobs: 3 });
    const told = answer.choices[0].logprobs.content;
    assert(told.length > 0 && told.length <= answer.usage.completion_tokens);
    for (const token of told) {
      assert(token.logprob <= 0 && token.top_logprobs.length === 3, JSON.stringify(token));
      assert(Array.isArray(token.bytes));
    }
  },

  async several() {
    // Random weights write one token again and again unless they are kept from it.
    const answer = await ask(undefined, { n: 3, temperature: 1.5, frequency_penalty: 2 });
    assert.deepEqual(
      answer.choices.map((choice) => choice.index),
      [0, 1, 2],
    );
    const texts = new Set(answer.choices.map((choice) => choice.message.content));
    assert(texts.size > 1, 'one answer three times');
    counted(answer.usage);
    const chunks = await all(ask(undefined, { n: 3, stream: true }));
    const indexes = new Set(chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.index)));
    assert.deepEqual([...indexes].sort(), [0, 1, 2]);
  },

  async stop() {
    const varied = { temperature: 1.5, frequency_penalty: 2 };
    const whole = (await ask(undefined, varied)).choices[0].message.content;
    const found = [...whole.matchAll(/[a-z0-9]{3,}/g)].filter((match) => match.index > 0);
    assert(found.length > 0, `no word in ${JSON.stringify(whole)}`);
    const [word] = found[Math.floor(found.length / 2)];
    const [choice] = (await ask(undefined, { ...varied, stop: [word] })).choices;
    assert.equal(choice.finish_reason, 'stop');
    assert(!choice.message.content.includes(word));
    assert(whole.startsWith(choice.message.content));
    return word;
  },

  async seed() {
    const texts = [];
    for (const seed of [11, 11, 12]) {
      texts.push((await ask(undefined, { seed, temperature: 1 })).choices[0].message.content);
    }
    assert.equal(texts[0], texts[1]);
    assert.notEqual(texts[0], texts[2]);
  },

  async usage_in_stream() {
    const chunks = await all(ask(undefined, { stream: true, stream_options: { include_usage: true } }));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    counted(last.usage);
    assert(chunks.every((chunk) => !chunk.usage), 'usage before the end');
    assert.equal(last.usage.total_tokens, (await ask()).usage.total_tokens);
  },

  async completions() {
    const asked = { model: MODEL, max_tokens: 8, ...ON };
    const answer = await client.completions.create({ ...asked, prompt: ['Once upon', 'a time'] });
    assert.equal(answer.object, 'text_completion');
    assert.deepEqual(
      answer.choices.map((choice) => choice.index),
      [0, 1],
    );
    counted(answer.usage);
    const chunks = await all(client.completions.create({ ...asked, prompt: 'Once upon', stream: true }));
    assert(chunks.flatMap((chunk) => chunk.choices).some((choice) => choice.text));
  },

  async embeddings() {
    const input = ['a red boat', 'a blue car'];
    const decoded = await client.embeddings.create({ model: VECTORS, input });
    const plain = await client.embeddings.create({ model: VECTORS, input, encoding_format: 'float' });
    assert.deepEqual(
      plain.data.map((row) => row.index),
      [0, 1],
    );
    plain.data.forEach((row, at) => near(Array.from(decoded.data[at].embedding), row.embedding));
    assert.notDeepEqual(plain.data[0].embedding, plain.data[1].embedding);
    assert(plain.usage.prompt_tokens > 0 && plain.usage.total_tokens >= plain.usage.prompt_tokens);
  },

  async embeddings_base64() {
    const asked = { model: VECTORS, input: 'a red boat' };
    const packed = await client.embeddings.create({ ...asked, encoding_format: 'base64' });
    const plain = await client.embeddings.create({ ...asked, encoding_format: 'float' });
    const text = packed.data[0].embedding;
    assert.equal(typeof text, 'string');
    const bytes = Buffer.from(text, 'base64');
    const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
    near(numbers, plain.data[0].embedding);
  },

  async models() {
    const listed = (await all(client.models.list())).map((model) => model.id);
    assert(listed.includes(MODEL) && listed.includes(VECTORS), `${listed}`);
    const one = await client.models.retrieve(MODEL);
    assert.deepEqual([one.id, one.object], [MODEL, 'model']);
  },

  async rerank() {
    const documents = ['a blue car', 'a red boat', 'a red car'];
    const body = { model: RANKS, query: 'red boat', documents, top_n: 2 };
    const { results } = await client.post('/rerank', { body });
    assert.deepEqual(
      results.map((row) => row.index),
      [1, 2],
    );
    assert(results[0].relevance_score >= results[1].relevance_score);
  },

  async responses() {
    const answer = await client.responses.create({ model: MODEL, input: 'Tell me about boats.', ...SURELY });
    assert.equal(answer.object, 'response');
    assert(answer.output_text.length > 0);
    assert(['completed', 'incomplete'].includes(answer.status), answer.status);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
  },

  async responses_stream() {
    const asked = { model: MODEL, input: 'Tell me about boats.', ...SURELY };
    const events = await all(client.responses.create({ ...asked, stream: true }));
    assert.equal(events[0].type, 'response.created');
    const last = events.at(-1);
    assert(['response.completed', 'response.incomplete'].includes(last.type), last.type);
    const numbers = events.map((event) => event.sequence_number);
    assert(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `${numbers}`);
    const pieces = events.filter((event) => event.type === 'response.output_text.delta');
    const text = pieces.map((event) => event.delta).join('');
    const written = last.response.output.flatMap((item) => item.content ?? []).map((part) => part.text ?? '');
    assert(text.length > 0);
    assert.equal(text, written.join(''));
    // The package's own reader puts the events together and is strict about their order.
    let told = 0;
    for await (const event of client.responses.stream(asked)) {
      if (event.type === 'response.output_text.delta') told += 1;
    }
    assert(told > 0, 'nothing was told');
  },

  async responses_tools() {
    const tool = { type: 'function', name: 'look_up', parameters: SCHEMA, strict: true };
    const asked = user('Look up Oslo.');
    const first = await client.responses.create({
      model: MODEL,
      input: [asked],
      tools: [tool],
      tool_choice: { type: 'function', name: 'look_up' },
      parallel_tool_calls: false,
      max_output_tokens: 256,
    });
    const [call] = first.output.filter((item) => item.type === 'function_call');
    assert.equal(call.name, 'look_up');
    assert(['Oslo', 'Bergen'].includes(JSON.parse(call.arguments).town), call.arguments);
    const again = { type: 'function_call', call_id: call.call_id, name: call.name, arguments: call.arguments };
    const answered = { type: 'function_call_output', call_id: call.call_id, output: '4 degrees' };
    const second = await client.responses.create({ model: MODEL, input: [asked, again, answered], ...SURELY });
    assert(second.output_text.length > 0);
  },

  async bad_request() {
    const error = await refused(OpenAI.BadRequestError, () => ask(undefined, { temperature: 9 }));
    assert.equal(error.param, 'temperature');
    assert(error.requestID, 'no x-request-id');
    await refused(OpenAI.BadRequestError, () => ask(undefined, { messages: [] }));
  },

  async authentication() {
    const stranger = client.withOptions({ apiKey: 'tg-wrong' });
    const error = await refused(OpenAI.AuthenticationError, () => stranger.models.list());
    assert.equal(error.code, 'invalid_api_key');
    for (const stream of [false, true]) {
      const asked = { model: MODEL, messages: [user('hi')], stream };
      await refused(OpenAI.AuthenticationError, () => stranger.chat.completions.create(asked));
    }
  },

  async not_found() {
    const error = await refused(OpenAI.NotFoundError, () => ask(undefined, { model: 'nobody' }));
    assert.equal(error.code, 'model_not_found');
    await refused(OpenAI.NotFoundError, () => ask(undefined, { model: 'nobody', stream: true }));
    await refused(OpenAI.NotFoundError, () => client.models.retrieve('nobody'));
    await refused(OpenAI.NotFoundError, () => client.embeddings.create({ model: 'nobody', input: 'hi' }));
  },

  async rate_limit() {
    for (const stream of [false, true]) {
      const error = await refused(OpenAI.RateLimitError, () => ask(undefined, { model: BUSY, stream }));
      assert(Number(error.headers.get('retry-after')) >= 1, 'no retry-after');
    }
  },

  async key_limit() {
    const limited = client.withOptions({ apiKey: LIMITED_KEY });
    const asked = { model: MODEL, messages: [user('hi')], max_tokens: 1 };
    // It may ask once a minute.
    await limited.chat.completions.create(asked);
    const error = await refused(OpenAI.RateLimitError, () => limited.chat.completions.create(asked));
    assert(Number(error.headers.get('retry-after')) >= 1, 'no retry-after');
  },

  async cancel() {
    const cancelled = 'gen_ai_response_finish_reason="cancelled"';
    const before = await metric('tidegate_requests_finished_total', cancelled);
    let told = 0;
    for await (const chunk of await ask('slowly, please', { max_tokens: 30000, stream: true })) {
      assert(chunk.id);
      told += 1;
      if (told === 3) {
        assert((await metric('tidegate_calls_open')) >= 1, 'a call under way is not counted');
        // Leaving the loop aborts the request.
        break;
      }
    }
    assert.equal(told, 3);
    await soon("the call's end", async () => (await metric('tidegate_calls_open')) === 0);
    if (local) {
      await soon('the free place', async () => (await metric('tidegate_requests_running')) === 0);
      const count = () => metric('tidegate_requests_finished_total', cancelled);
      await soon('the cancelling', async () => (await count()) > before);
      return;
    }
    await soon("the upstream's notice", async () => {
      const counts = JSON.parse(await fetched(process.env.COUNTS_URL));
      return counts.aborted >= 1 && counts.running === 0;
    });
  },
};

const locally = {
  async over_long() {
    const error = await refused(OpenAI.BadRequestError, () => ask('boats and cars '.repeat(4000)));
    assert.equal(error.code, 'context_length_exceeded');
  },

  async image_to_a_text_model() {
    const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    const message = { role: 'user', content: [{ type: 'text', text: 'What is this?' }, picture] };
    await refused(OpenAI.BadRequestError, () => ask(undefined, { messages: [message] }));
  },
};

const proxied = {
  async broken_upstreams() {
    for (const text of ['garbage', 'html', 'nothing', 'hang up']) {
      for (const stream of [false, true]) {
        const act = async () => {
          const answer = await ask(text, { model: BROKEN, stream });
          if (stream) await all(answer);
        };
        await assert.rejects(act, OpenAI.APIError, `${text}, stream ${stream}`);
      }
    }
    for (const text of ['cut', 'fail midway']) {
      let told = 0;
      const act = async () => {
        for await (const chunk of await ask(text, { model: BROKEN, stream: true })) told += chunk ? 1 : 0;
      };
      await assert.rejects(act, OpenAI.APIError, text);
      assert(told > 0, `${text}: nothing was told before the error`);
    }
  },
};

for (const [scenario, act] of Object.entries({ ...scenarios, ...(local ? locally : proxied) })) {
  let line;
  try {
    line = { scenario, ok: true, detail: (await act()) ?? '' };
  } catch (error) {
    line = { scenario, ok: false, detail: `${error?.stack ?? error}` };
  }
  console.log(JSON.stringify(line));
}
