// A long history is no burden: what the frames of a page with ten thousand lines cost.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import { watchFrames } from './frames.js';
import {
  closeBrowser, enter, fill, fresh, inBrowser, join, open, terminalMember,
} from './harness.js';

const FRAME_MS_MAX = 50;
const LINES = 10_000;
const SECONDS = 6;

after(closeBrowser);

const line = (at) => `line ${at} ${'and words '.repeat(at % 17)}${at % 31 ? '' : 'https://a.org/'}`;

// Looks at the newest rows only: to search all of them would cost more than what is measured. They
// are several, because a member of an earlier test may leave at that moment.
const isNew = (page, text) => page.waitForFunction((wanted) => {
  const block = document.querySelector('#lines').lastElementChild;
  return [...(block?.children ?? [])].slice(-8).some((row) => row.textContent.includes(wanted));
}, text);

async function idle(context) {
  const page = await enter(context, fresh('ada'), { query: '?history=0' });
  const watch = await watchFrames(page);
  await page.waitForTimeout(1000);
  const cost = await watch.stop();
  await page.close();
  return cost;
}

async function whileHistoryComes(page, name) {
  const watch = await watchFrames(page);
  await join(page, name);
  const isWhole = (lines) => {
    const blocks = [...document.querySelector('#lines').children];
    return blocks.reduce((sum, { childElementCount }) => sum + childElementCount, 0) > lines;
  };
  await page.waitForFunction(isWhole, LINES);
  return watch.stop();
}

async function whileALineASecondComes(page) {
  const member = terminalMember(fresh('tom'));
  await isNew(page, 'joined');
  const watch = await watchFrames(page);
  for (let second = 0; second < SECONDS; second++) {
    const next = new Promise((done) => setTimeout(done, 1000));
    member.say(`news ${second}`);
    await page.mouse.move(400, 300);
    for (let turn = 0; turn < 8; turn++) await page.mouse.wheel(0, turn % 2 ? 900 : -2500);
    await page.keyboard.type('typing while lines come ', { delay: 20 });
    await isNew(page, `news ${second}`);
    await next;
  }
  member.leave();
  return watch.stop();
}

inBrowser('with ten thousand lines the page scrolls and types smoothly', async (context, t) => {
  await fill(Array.from({ length: LINES }, (_, at) => line(at)));
  const costs = { idle: await idle(context) };
  const page = await open(context, { query: `?history=${LINES}` });
  costs['while history comes'] = await whileHistoryComes(page, fresh('bob'));
  costs['while a line a second comes'] = await whileALineASecondComes(page);
  const longest = (frames) => Math.max(...frames).toFixed(1);
  for (const [when, { cpu, clock }] of Object.entries(costs)) {
    const [most, passed] = [longest(cpu), longest(clock)];
    t.diagnostic(`longest of ${cpu.length} frames ${when}: ${most} ms of CPU, ${passed} by clock`);
    assert.ok(cpu.length > 10 && most < FRAME_MS_MAX, `a frame took ${most} ms ${when}`);
  }
});
