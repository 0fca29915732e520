// Firefox, by WebDriver BiDi over a WebSocket.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS_MAX = 120_000;

/** Starts it with one page. What it downloads goes to `folder`. */
export async function open(folder) {
  const profile = await mkdtemp(join(tmpdir(), 'firefox-'));
  const settings = { 'browser.download.folderList': 2, 'browser.download.dir': folder };
  const lineOf = (pair) => `user_pref(${JSON.stringify(pair).slice(1, -1)});`;
  const lines = Object.entries(settings).map(lineOf);
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'];
  const child = spawn(process.env.BROWSER_PATH, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => child.on('close', done));
  const close = async () => {
    child.kill();
    await ended;
    await rm(profile, { recursive: true, force: true });
  };
  try {
    return { ...await drive(child), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What can be done in its one page. */
async function drive(child) {
  const bidi = await connect(await addressOf(child));
  await bidi('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  const { contexts: [{ context }] } = await bidi('browsingContext.getTree', {});
  const find = async (value) => {
    const locator = { type: 'css', value };
    const { nodes } = await bidi('browsingContext.locateNodes', { context, locator });
    return { sharedId: nodes[0].sharedId };
  };
  const call = async (step, ...values) => {
    const called = `(${step})(...JSON.parse(text))`;
    const functionDeclaration = `async (text) => JSON.stringify(await ${called})`;
    const given = [{ type: 'string', value: JSON.stringify(values) }];
    const how = { functionDeclaration, arguments: given, awaitPromise: true, target: { context } };
    const { type, result, exceptionDetails } = await bidi('script.callFunction', how);
    if (type !== 'success') throw new Error(exceptionDetails.text);
    return result.value && JSON.parse(result.value);
  };
  const act = (actions) => bidi('input.performActions', { context, actions });
  return {
    call,
    goto: (url) => bidi('browsingContext.navigate', { context, url, wait: 'complete' }),
    async click(selector) {
      const origin = { type: 'element', element: await find(selector) };
      const steps = [{ type: 'pointerMove', x: 0, y: 0, origin }];
      steps.push({ type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 });
      await act([{ type: 'pointer', id: 'mouse', actions: steps }]);
    },
    async type(selector, text) {
      await call((css) => document.querySelector(css).focus(), selector);
      const press = (value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }];
      const keys = [...text].flatMap(press);
      await act([{ type: 'key', id: 'keys', actions: keys }]);
    },
    choose: async (selector, path) =>
      bidi('input.setFiles', { context, element: await find(selector), files: [path] }),
  };
}

async function addressOf(child) {
  let printed = '';
  // What it prints ends with it.
  const timer = setTimeout(() => child.kill(), START_MS_MAX);
  try {
    for await (const part of child.stderr) {
      printed += part;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(printed);
      if (found) return `${found[1]}/session`;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`Firefox does not start: ${printed}`);
}

async function connect(address) {
  const socket = new WebSocket(address);
  await new Promise((done, fail) => Object.assign(socket, { onopen: done, onerror: fail }));
  const waiting = new Map();
  let last = 0;
  socket.onmessage = ({ data }) => {
    const { id, type, result, message } = JSON.parse(data);
    const { done, fail } = waiting.get(id) ?? {};
    if (type === 'success') done(result);
    else if (type === 'error') fail(new Error(message));
  };
  socket.onclose = () => waiting.forEach(({ fail }) => fail(new Error('Firefox is gone')));
  return (method, params) => new Promise((done, fail) => {
    waiting.set(++last, { done, fail });
    socket.send(JSON.stringify({ id: last, method, params }));
  });
}
