// Elements, and other people's text in them: always as text, and harmless to its surroundings.

import { pieces } from '../strings.js';

export const $ = (id) => document.getElementById(id);
/** An element with these properties and children; `on…` are listeners, `data-…` attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name in element && name !== 'role') element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Text without what would reorder its surroundings.
const tame = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
/** Somebody's name or text, whose writing direction affects nothing outside it. */
export const bdi = (text, properties) => el('bdi', properties, tame(text));
/** A pattern: letters of scripts with no spaces between words, or that join syllables to names. */
export const UNSPACED = String.raw`[\u{e00}-\u{109f}\u1100-\u11ff\u1780-\u17ff\u2e80-\u9fff` +
  String.raw`\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\u{20000}-\u{3ffff}]`;
// What no address contains, among others dashes, quotation marks and the punctuation of Chinese.
const ENDS = String.raw`\s\p{Cc}<>"\x60{}|\\^\ufffd\u2014-\u2026\u3000-\u303f\uff00-\uffef`;
const WORD = String.raw`[\p{Alphabetic}\p{N}]`;
// Letters without spaces around them are text, except in a host.
const HOST = String.raw`(?=${WORD}|\[)(?:(?=${UNSPACED})[^/${ENDS}]+)?`;
const ADDRESS = new RegExp(
  `(?<!(?!${UNSPACED})${WORD})(https?://${HOST}(?:(?!${UNSPACED})[^${ENDS}])*)`, 'iu');

// The address without what ends the sentence around it, or a bracket.
function bare(address) {
  for (let text = address; ; ) {
    const [open, close] = text.endsWith(')') ? '()' : '[]';
    const count = (mark) => text.split(mark).length;
    const isOutside = text.endsWith(close) && count(close) > count(open);
    const shorter = isOutside ? text.slice(0, -1) : text.replace(/[.,;:!?']+$/, '');
    if (shorter === text) return text;
    text = shorter;
  }
}

/** The text with its web addresses as links: http and https, and nothing else. */
export const linked = (text) => tame(text).split(ADDRESS).flatMap((part, at) => {
  if (at % 2 === 0) return part;
  const href = bare(part);
  const properties = { href, rel: 'noopener noreferrer nofollow', target: '_blank' };
  return [el('a', properties, href), part.slice(href.length)];
});

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/** A sentence whose values are other people's text. */
export const say = (key, values) => pieces(key, values).map((it) => it?.nodeType ? it : String(it));
/** Makes the list's children those of `entries`, and leaves alone what stays. */
export function reconcile(list, entries, make) {
  for (const child of [...list.children]) if (!entries.has(child.key)) child.remove();
  const present = new Map([...list.children].map((child) => [child.key, child]));
  let at = list.firstElementChild;
  for (const [key, value] of entries) {
    const child = present.get(key) ?? Object.assign(make(value), { key });
    if (child === at) at = at.nextElementSibling;
    else list.insertBefore(child, at);
  }
}

/** One of eight colours that a name always has. */
export function colourOf(nick) {
  const mix = (hash, char) => Math.imul(hash ^ char.codePointAt(0), 0x01000193);
  return `c${([...nick.toLowerCase()].reduce(mix, 0x811c9dc5) >>> 8) % 8}`;
}

/** A size, in powers of 1000: `5.0 MB`. */
export function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, at] = [Number(bytes), 0];
  for (; value >= 999.5 && at < units.length - 1; at++) value /= 1000;
  return `${at ? value.toFixed(value < 99.5 ? 1 : 0) : value}\u00a0${units[at]}`;
}

/** A moment that came as milliseconds, however far away. */
export const dateOf = (at) => new Date(Number(at < 8_640_000_000_000_000n ? at : 0n));
