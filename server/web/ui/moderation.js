// What operators do: how they say whom and for how long, and how it is described. Pure functions.

import { DEED } from '../protocol.js';
import { language, t } from '../strings.js';
import { bdi, say } from './dom.js';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** Whom a ban keeps out: `to`, a nick, or `address`, in 16 bytes, of IPv4 as `::ffff:192.0.2.1`. */
export function whomOf(text) {
  const full = /^\d+(\.\d+){3}$/.test(text) ? `::ffff:${text}` : text;
  const url = `http://[${full}]`;
  if (!full.includes(':') || !URL.canParse(url)) return { to: text };
  // The parser writes the address in groups, and leaves out one run of zeros.
  const halves = new URL(url).hostname.slice(1, -1).split('::');
  const [head, tail = []] = halves.map((half) => half.split(':').filter(Boolean));
  const zeros = Array(8 - head.length - tail.length).fill('0');
  const groups = [...head, ...zeros, ...tail].map((group) => parseInt(group, 16));
  return { address: Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])) };
}

function addressText(bytes) {
  const group = (_, at) => ((bytes[2 * at] << 8) | bytes[2 * at + 1]).toString(16);
  const groups = Array.from({ length: 8 }, group).join(':');
  if (groups.startsWith('0:0:0:0:0:ffff:')) return bytes.slice(12).join('.');
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}

/** Whether this is hardly meant as a name: `10.77.0.300`, `2001:db8::/32`, `fe80::1%eth0`. */
export const looksLikeAddress = (text) =>
  /^\[*([\d.*-]*\.[\d.*-]*|[\da-f.]*:[\da-f.:]*)([/%\]]|$)/i.test(text);
/** The seconds of a time such as `30m` or `1d12h`; `undefined` for none that a ban can last. */
export function secondsOf(time = '') {
  if (!/^(\d{1,6}[smhdw])+$/.test(time)) return undefined;
  const parts = [...time.matchAll(/(\d+)(\w)/g)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + count * SECONDS[unit], 0);
  return seconds > 0 && seconds < 2 ** 32 ? seconds : undefined;
}

/** How long it is from one moment to another, in the largest unit that is exact enough. */
export function lasting(from, until) {
  const seconds = Math.max(0, Math.ceil(Number(until - from) / 1000));
  const units = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, length] = units.find(([, each]) => seconds >= 2 * each) ?? units.at(-1);
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.ceil(seconds / length));
}

const because = (reason) => (reason ? say('because', { reason: bdi(reason) }) : []);

export function deed({ at, nick, action, to, until, reason }) {
  const key = until === undefined ? DEED[action] ?? 'moderated' : 'bannedFor';
  const time = until === undefined ? '' : lasting(at, until);
  const whom = to ? bdi(to) : t('anAddress');
  return [...say(key, { nick: bdi(nick), whom, time, other: action }), ...because(reason)];
}

export function banParts({ ban, to, address, until, nick, reason }) {
  const whom = [to, address && addressText(address)].filter(Boolean).join(', ');
  const time = until === undefined ? '' : lasting(BigInt(Date.now()), until);
  const by = say(time ? 'banLasts' : 'banForGood', { time, nick: bdi(nick) });
  return [`${ban}  `, bdi(whom), '  ', ...by, ...because(reason)];
}
