// A real browser in a real room. From the environment:
//   CHATSHELF_URL    where the page is, by default http://127.0.0.1:9000/; the server must run with
//                    --history 10000 and --keep 100
//   CHATSHELF_OPERATOR_PASSWORD  that of its operators, by default mellon
//   CHATSHELF_TCP    HOST:PORT for the terminal client, if it is another than the page's
//   CHATSHELF        the terminal client, by default that of this checkout
//   CHATSHELF_ARGS   what it is told besides, by default --no-tls
//   CHROMIUM         the browser, by default /usr/bin/chromium
//   WEB_TOOLS        the folder where npm has put playwright-core and axe-core

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Deframer, MAGIC, decode, encode } from '../../protocol.js';

const { env } = process;
const tools = createRequire(env.WEB_TOOLS ? `${env.WEB_TOOLS}/` : import.meta.url);
const { chromium, devices } = tools('playwright-core');
const AXE = tools.resolve('axe-core');

export const URL_OF_PAGE = env.CHATSHELF_URL ?? 'http://127.0.0.1:9000/';
const [HOST, PORT] = (env.CHATSHELF_TCP ?? new URL(URL_OF_PAGE).host).split(':');
const CLIENT = env.CHATSHELF
  ?? fileURLToPath(new URL('../../../../target/release/chatshelf', import.meta.url));
const CLIENT_ARGS = (env.CHATSHELF_ARGS ?? '--no-tls').split(' ').filter(Boolean);
export const PHONE = devices['iPhone 13'];
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export const OPERATOR_PASSWORD = (env.CHATSHELF_OPERATOR_PASSWORD ??= 'mellon');
const TIMEOUT_MS = 120_000;

let browser;

/** A name that nobody else has. The server suggests another last digit, so it ends in none. */
export const fresh = (stem) => `${stem}-${Math.random().toString(36).slice(2, 8)}x`;

/** The content of a file of so many bytes. */
export const content = (bytes) =>
  Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31) >>> 3));

/** A file as a page is given it. */
export const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer });

/** Waits until a step has a value, and returns it. */
export async function until(step, wanted = () => String(step)) {
  for (const end = Date.now() + TIMEOUT_MS; ; ) {
    const value = await step();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${wanted()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A context whose pages fail the test by any error, or by what the content policy stops. */
export async function newContext(options = {}) {
  const executablePath = env.CHROMIUM ?? '/usr/bin/chromium';
  browser ??= await chromium.launch({ executablePath, args: ARGS });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en', ...options });
  // Machines that build at the same time are slow.
  context.setDefaultTimeout(TIMEOUT_MS);
  context.faults = [];
  context.on('page', (page) => {
    page.on('pageerror', (error) => context.faults.push(error.stack));
    page.on('console', (message) => {
      // A connection that a test breaks is told, too.
      const text = message.text();
      const isExpected = /WebSocket|ERR_|Failed to load/.test(text);
      if (message.type() === 'error' && !isExpected) context.faults.push(text);
    });
  });
  return context;
}

/** A test with a context of its own, which must end without a fault. */
export const inBrowser = (what, step, options) => test(what, async (t) => {
  const context = await newContext(options);
  try {
    await step(context, t);
    assert.deepEqual(context.faults, []);
  } finally {
    await context.close();
  }
});

// What a test that fails has left.
const children = new Set();

export async function closeBrowser() {
  for (const child of children) child.kill();
  await browser?.close();
}

/** A page at the door. Its `socket` has `cut()`, and `limit`, bytes after which it cuts itself. */
export async function open(context, { query = '', canCut = false } = {}) {
  const page = await context.newPage();
  if (canCut) await watchSocket(page);
  await page.goto(URL_OF_PAGE + query);
  await page.waitForSelector('#door:not([hidden])');
  return page;
}

/** A page in the room. */
export const enter = async (context, name, how) => join(await open(context, how), name);

/** From the door into the room. */
export async function join(page, name) {
  await page.fill('#name', name);
  await page.click('#enter');
  await page.waitForSelector('#room:not([hidden])');
  return page;
}

async function watchSocket(page) {
  const socket = (page.socket = { limit: Infinity, bytes: 0, isOpen: true });
  await page.routeWebSocket(/\/ws$/, (client) => {
    if (!socket.isOpen) return client.close();
    const server = client.connectToServer();
    let isCut = false;
    const cut = () => {
      isCut = true;
      return Promise.all([client.close(), server.close()]);
    };
    socket.cut = cut;
    client.onMessage((message) => {
      // Nothing passes behind what was lost, though the limit may be another by now.
      if (isCut) return;
      socket.bytes += message.length;
      if (socket.bytes > socket.limit) cut();
      else server.send(message);
    });
  });
}

export async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

/** Texts of all lines of this kind that are shown. */
export const texts = (page, selector = '.row.said .text') =>
  page.$$eval(selector, (all) => all.map((element) => element.textContent));

/** Waits until a text is shown. */
export const shown = (page, text, selector = '.row') =>
  page.locator(selector, { hasText: text }).first().waitFor();

/** Cuts the page's connection, and lets none through until `page.socket.isOpen` is true again. */
export async function goOffline(page) {
  page.socket.isOpen = false;
  await page.socket.cut();
  await shown(page, 'Offline', '#status');
}

export async function axe(page) {
  const { default: fs } = await import('node:fs');
  await page.evaluate(fs.readFileSync(AXE, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** What a one-shot command of the terminal client prints. */
export async function terminal(...args) {
  const where = ['--host', HOST, '--port', PORT, ...CLIENT_ARGS];
  return (await promisify(execFile)(CLIENT, [...args, ...where])).stdout;
}

/** A member at a terminal, with plain lines. */
export function terminalMember(name) {
  const args = ['--host', HOST, '--port', PORT, ...CLIENT_ARGS, '--name', name, '--plain'];
  const child = spawn(CLIENT, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((done) => child.on('close', done)).then(() => children.delete(child));
  children.add(child);
  let seen = '';
  child.stdout.on('data', (data) => (seen += data));
  return {
    ended,
    say: (line) => child.stdin.write(`${line}\n`),
    sees: (text) => until(() => seen.includes(text), () => `${name} to see ${text} in ${seen}`),
    leave: () => child.stdin.end('/quit\n'),
  };
}

/** Says many lines quickly, over a connection without a page. */
export async function fill(lines) {
  const socket = connect(Number(PORT), HOST);
  const deframer = new Deframer();
  const nick = fresh('filler');
  socket.write(encode('Hello', { magic: MAGIC, versionMin: 1, versionMax: 1 }));
  socket.write(encode('Join', { nick, history: 0 }));
  await new Promise((done, fail) => {
    let echoes = 0;
    socket.on('error', fail);
    socket.on('data', (bytes) => {
      for (const raw of deframer.push(bytes)) {
        const frame = decode(raw);
        if (frame?.frame === 'HelloAck' && frame.historyMax < lines.length) {
          fail(new Error(`the server gives ${frame.historyMax} lines of history`));
        }
        if (frame?.frame === 'Said' && frame.nick === nick && ++echoes === lines.length) done();
        if (frame?.frame === 'Refused') fail(new Error(`refused: ${frame.code}`));
      }
    });
    for (const [at, text] of lines.entries()) {
      socket.write(encode('Say', { messageId: BigInt(at + 1), text }));
    }
  });
  socket.end(encode('Leave'));
}
