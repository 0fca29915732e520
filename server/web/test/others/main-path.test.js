// The main path in a browser that is not Chromium: join, talk, upload, download, come back. From
// the environment, beside what ../browser/harness.js says:
//   BROWSER        firefox or webkit
//   BROWSER_PATH   its program

import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  URL_OF_PAGE, closeBrowser, content, fresh, terminal, terminalMember, until,
} from '../browser/harness.js';

const { BROWSER } = process.env;
const ENTER = '\uE007';

/** A way to the server that can be cut. */
async function proxy() {
  const { hostname, port } = new URL(URL_OF_PAGE);
  const pairs = new Set();
  const cut = () => [...pairs].flat().forEach((end) => end.destroy());
  const it = { isOpen: true, cut };
  const server = createServer((client) => {
    if (!it.isOpen) return client.destroy();
    const pair = [client, connect(Number(port), hostname)];
    pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed()]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => (to.destroy(), pairs.delete(pair)));
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${server.address().port}/`;
  return Object.assign(it, { url, close: () => (it.cut(), server.close()) });
}

// As in a room: what is in the page is asked of the page, and what is done is done by its user.
const textOf = (browser, selector) => browser.call(
  (css) => [...document.querySelectorAll(css)].map((it) => it.textContent).join('\n'), selector);
const shows = (browser, text, selector = '#lines') =>
  until(async () => (await textOf(browser, selector)).includes(text));
const say = (browser, text) => browser.type('#text', text + ENTER);

const whole = content(20_000_000);

async function talk(browser, member) {
  await shows(browser, 'joined');
  await say(browser, 'from the page');
  await member.sees('from the page');
  member.say('from the terminal');
  await shows(browser, 'from the terminal');
}

async function upload(browser, way, folder) {
  const name = `${fresh('file')}.bin`;
  await writeFile(join(folder, name), whole);
  await browser.choose('#files', join(folder, name));
  const progress = () => browser.call(() => document.querySelector('#uploads progress')?.value);
  // More than what may still be on its way.
  await until(async () => (await progress()) > 4_000_000);
  way.cut();
  await shows(browser, 'resumes at');
  await shows(browser, name, '#shelf');
  const items = JSON.parse(await terminal('list', '--json'));
  assert.equal(items.filter((item) => item.name === name).length, 1);
  return name;
}

async function download(browser, name, folder) {
  const bytes = await browser.call(async (title) => {
    const link = [...document.querySelectorAll('#shelf a')].find((it) => it.textContent === title);
    link.id = 'to-fetch';
    const bytes = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
    return bytes.every((byte, at) => byte === ((at * 31) >>> 3) % 256) && bytes.length;
  }, name);
  assert.equal(bytes, whole.length, 'what the link leads to');
  if (BROWSER !== 'firefox') return;
  await browser.click('#to-fetch');
  const isThere = async () => {
    const names = await readdir(folder);
    return names.includes(name) && !names.some((it) => it.endsWith('.part'));
  };
  await until(isThere);
  await until(async () => whole.equals(await readFile(join(folder, name))));
}

async function comeBack(browser, way, member) {
  way.isOpen = false;
  way.cut();
  await shows(browser, 'Offline', '#status');
  await say(browser, 'while away');
  await shows(browser, 'while away', '#pending');
  member.say('meanwhile');
  await member.sees('meanwhile');
  way.isOpen = true;
  await browser.click('#status button');
  await shows(browser, 'while away');
  await member.sees('while away');
  const said = (await textOf(browser, '.row.said .text')).split('\n');
  assert.deepEqual(said.slice(-2), ['meanwhile', 'while away']);
}

test(`join, talk, upload, download and come back in ${BROWSER}`, async (t) => {
  const { open } = await import(`./${BROWSER}.js`);
  const folder = await mkdtemp(join(tmpdir(), 'chatshelf-web-'));
  const downloads = await mkdtemp(join(tmpdir(), 'chatshelf-web-'));
  const way = await proxy();
  let browser;
  t.after(async () => {
    await browser?.close();
    await closeBrowser();
    way.close();
    for (const each of [folder, downloads]) await rm(each, { recursive: true });
  });
  browser = await open(downloads);
  await browser.goto(`${way.url}?history=0`);
  await until(() => browser.call(() => !document.querySelector('#door').hidden));
  await browser.type('#name', fresh('ada'));
  await browser.click('#enter');
  await until(() => browser.call(() => !document.querySelector('#room').hidden));
  const member = terminalMember(fresh('tom'));
  await talk(browser, member);
  const name = await upload(browser, way, folder);
  await download(browser, name, downloads);
  await comeBack(browser, way, member);
  member.leave();
});
