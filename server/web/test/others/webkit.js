// WebKitGTK's small browser, by WebDriver over HTTP.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

// How WebDriver names an element.
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** Starts it with one page. */
export async function open() {
  const port = await freePort();
  const child = spawn('WebKitWebDriver', [`--port=${port}`], { stdio: 'ignore' });
  const ended = new Promise((done) => child.on('close', done));
  const ask = async (method, path, body) => {
    const address = `http://127.0.0.1:${port}${path}`;
    const response = await fetch(address, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value.error}: ${value.message}`);
    return value;
  };
  const browser = { binary: process.env.BROWSER_PATH, args: ['--automation'] };
  const alwaysMatch = { acceptInsecureCerts: true, 'webkitgtk:browserOptions': browser };
  const asked = { capabilities: { alwaysMatch } };
  const session = await untilItAnswers(() => ask('POST', '/session', asked)).catch((error) => {
    child.kill();
    throw error;
  });
  const base = `/session/${session.sessionId}`;
  const find = async (value) => {
    const found = await ask('POST', `${base}/element`, { using: 'css selector', value });
    return `${base}/element/${found[ELEMENT]}`;
  };
  const write = async (selector, text) => ask('POST', `${await find(selector)}/value`, { text });
  return {
    async call(step, ...args) {
      const script = `const done = arguments[arguments.length - 1];
        Promise.resolve((${step})(...[...arguments].slice(0, -1))).then(done);`;
      return ask('POST', `${base}/execute/async`, { script, args });
    },
    goto: (url) => ask('POST', `${base}/url`, { url }),
    click: async (selector) => ask('POST', `${await find(selector)}/click`, {}),
    type: write,
    choose: write,
    async close() {
      await ask('DELETE', base);
      child.kill();
      await ended;
    },
  };
}

function freePort() {
  const server = createServer();
  return new Promise((done) => server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  }));
}

async function untilItAnswers(step) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if (attempt > 100 || !(error instanceof TypeError)) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
