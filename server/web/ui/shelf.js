// The shelf and the members, and uploads on their way. Remembers the keys of our own uploads, by
// which they resume and can be taken off.

import { t } from '../strings.js';
import { bdi, colourOf, dateOf, el, reconcile, sizeText } from './dom.js';

const UPLOADS_KEPT_MAX = 50;
const ITEMS_KEPT_MAX = 200;
// What an <img> shows and cannot run anything.
const PICTURE = /\.(png|jpe?g|gif|webp|avif)$/i;

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

/** Keys of uploads, in the browser's storage: of unfinished ones by file, of items by number. */
export class Keys {
  #read(name) {
    try {
      return JSON.parse(localStorage.getItem(name)) ?? {};
    } catch {
      return {};
    }
  }

  #write(name, all, max) {
    const entries = Object.entries(all).slice(-max);
    try {
      localStorage.setItem(name, JSON.stringify(Object.fromEntries(entries)));
    } catch {
      // Without storage, uploads resume as long as the page is open.
    }
  }

  of(file) {
    const key = this.#read('uploads')[file];
    return key && unhex(key);
  }

  keep(file, key) {
    this.#write('uploads', { ...this.#read('uploads'), [file]: hex(key) }, UPLOADS_KEPT_MAX);
  }

  /** The upload is over; as an item, its key is the right to take it off. */
  end(file, item, key) {
    const { [file]: _, ...rest } = this.#read('uploads');
    this.#write('uploads', rest, UPLOADS_KEPT_MAX);
    if (item === undefined) return;
    // A name that is no number, so that the order of their coming stays.
    this.#write('items', { ...this.#read('items'), [`#${item}`]: hex(key) }, ITEMS_KEPT_MAX);
  }

  ofItem(item) {
    const key = this.#read('items')[`#${item}`];
    return key && unhex(key);
  }
}

export const itemPath = ({ item, name }) => `/item/${item}/${encodeURIComponent(name)}`;

/** A link to an item, for the browser to download. */
export function itemLink(item) {
  return el('a', { href: itemPath(item), download: item.name }, bdi(item.name));
}

/** A button that shows the picture below it, and hides it again; nothing for other files. */
export function pictureButton(item) {
  if (!PICTURE.test(item.name)) return [];
  let picture = null;
  const toggle = button('show', item.name, () => {
    picture?.remove();
    picture = picture ? null : el('img', { src: itemPath(item), alt: item.name });
    if (picture) toggle.after(picture);
    toggle.setAttribute('aria-expanded', String(picture !== null));
    toggle.textContent = t(picture ? 'hide' : 'show');
    toggle.setAttribute('aria-label', `${toggle.textContent} ${item.name}`);
  });
  toggle.setAttribute('aria-expanded', 'false');
  return [toggle];
}

const button = (key, name, onclick) => {
  const properties = { type: 'button', className: 'quiet', onclick };
  return el('button', { ...properties, 'aria-label': `${t(key)} ${name}` }, t(key));
};

/** The shelf's list, newest first. */
export function showShelf(list, shelf, isOwn, takeOff) {
  const entries = new Map([...shelf].reverse());
  reconcile(list, entries, (item) => {
    const at = dateOf(item.at);
    const when = at.toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
    const time = el('time', { dateTime: at.toISOString() }, when);
    const facts = [`${sizeText(item.size)} · `, bdi(item.nick), ' · ', time];
    const drop = isOwn(item) ? [button('takeOff', item.name, () => takeOff(item))] : [];
    return el('li', { className: colourOf(item.nick) },
      itemLink(item),
      el('div', { className: 'facts' }, ...facts),
      el('div', { className: 'acts' }, ...pictureButton(item), ...drop));
  });
}

/** Uploads on their way, changed in place. */
export function showUploads(list, uploads, cancel) {
  reconcile(list, uploads, ({ id, name, size }) => {
    const progress = el('progress', { max: Math.max(1, size), 'aria-label': name });
    const facts = el('span', { className: 'facts' });
    const row = el('li', {}, bdi(name), progress, facts, button('cancel', name, () => cancel(id)));
    return Object.assign(row, { progress, facts });
  });
  for (const row of list.children) showProgress(row, uploads.get(row.key));
}

function showProgress(row, upload) {
  const { size, sent, state } = upload;
  row.progress.value = size ? sent : Number(state === 'done');
  const percent = size ? Math.floor((100 * sent) / size) : 0;
  const stages = { queued: 'queued', waiting: 'paused', done: 'verifying' };
  const stage = state === 'comparing' && upload.asked ? 'comparing' : stages[state];
  const moved = `${percent} % · ${sizeText(sent)} / ${sizeText(size)}${rateOf(row, upload)}`;
  row.facts.textContent = stage ? t(stage) : moved;
}

// Bytes a second since it began to move, and the time that is left at this rate.
function rateOf(row, { sent, size, state }) {
  const now = performance.now();
  if (state !== 'sending') row.from = null;
  else row.from ??= { sent, now };
  const ms = row.from ? now - row.from.now : 0;
  if (ms < 1000) return '';
  const rate = ((sent - row.from.sent) * 1000) / ms;
  const left = rate > 0 ? Math.ceil((size - sent) / rate) : 0;
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  return ` · ${sizeText(rate)}/s · ${clock}`;
}
