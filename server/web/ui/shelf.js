// The shelf, its files as links and pictures, and uploads on their way.

import { language, t } from '../strings.js';
import { bdi, colourOf, dateOf, el, reconcile, sizeText } from './dom.js';

// Types that an <img> shows and that cannot run anything.
const PICTURE = /\.(png|jpe?g|gif|webp|avif)$/i;
/** The path of an item, with the token that opens it in a room with a password. */
function itemPath({ item, name, linkToken = [] }) {
  const token = btoa(String.fromCharCode(...linkToken)).replace(/=+$/, '');
  const query = token && `?t=${token.replaceAll('+', '-').replaceAll('/', '_')}`;
  return `/item/${item}/${encodeURIComponent(name)}${query}`;
}

export const itemLink = (item) =>
  el('a', { href: itemPath(item), download: item.name }, bdi(item.name));
export const button = (key, name, onclick) => el('button',
  { type: 'button', className: 'quiet', ariaLabel: `${t(key)} ${name}`, onclick }, t(key));
/** A button that shows the picture below it, and hides it again; nothing for other files. */
export function pictureButton(item) {
  if (!PICTURE.test(item.name)) return [];
  const picture = el('img', { alt: item.name, hidden: true });
  const fault = el('span', { className: 'tag', role: 'status' });
  const show = (isShown, why = '') => {
    [picture.hidden, fault.textContent] = [!isShown, why];
    toggle.ariaExpanded = String(isShown);
    toggle.textContent = t(isShown ? 'hide' : 'show');
    toggle.ariaLabel = `${toggle.textContent} ${item.name}`;
  };
  const toggle = button('show', item.name, () => {
    // Each time from the beginning: what failed offline may be there now.
    if (picture.hidden) picture.src = itemPath(item);
    show(picture.hidden);
  });
  picture.onerror = () => show(false, t('noPicture'));
  show(false);
  return [toggle, ' ', fault, picture];
}

export function showShelf(list, shelf, isOwn, takeOff) {
  const items = [...shelf.values()].reverse();
  const entries = new Map(items.map((item) => [`${item.item} ${isOwn(item)}`, item]));
  reconcile(list, entries, (item) => {
    const at = dateOf(item.at);
    const form = { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' };
    const time = el('time', { dateTime: at.toISOString() }, at.toLocaleString(language, form));
    const facts = [`${sizeText(item.size)} · `, bdi(item.nick), ' · ', time];
    const drop = isOwn(item) ? [button('takeOff', item.name, () => takeOff(item))] : [];
    return el('li', { className: colourOf(item.nick) }, itemLink(item),
      el('div', { className: 'facts' }, ...facts),
      el('div', { className: 'acts' }, ...pictureButton(item), ...drop));
  });
}

export function showUploads(list, uploads, cancel) {
  reconcile(list, uploads, ({ id, name, size }) => {
    const progress = el('progress', { max: Math.max(1, size), 'aria-label': name });
    const facts = el('span', { className: 'facts' });
    const row = el('li', {}, bdi(name), progress, facts, button('cancel', name, () => cancel(id)));
    return Object.assign(row, { progress, facts });
  });
  for (const row of list.children) {
    const upload = uploads.get(row.key);
    const { size, sent, state } = upload;
    row.progress.value = size ? sent : Number(state === 'done');
    const percent = size ? Math.floor((100 * sent) / size) : 0;
    const stages = { queued: 'queued', waiting: 'paused', done: 'verifying' };
    const stage = state === 'comparing' && upload.asked ? 'comparing' : stages[state];
    const moved = `${percent} % · ${sizeText(sent)} / ${sizeText(size)}${rateOf(row, upload)}`;
    row.facts.textContent = stage ? t(stage) : moved;
  }
}

// Bytes per second since it began to move, and the time left at this rate.
function rateOf(row, { sent, size, state }) {
  const now = performance.now();
  row.from = state === 'sending' ? (row.from ?? { sent, now }) : null;
  const ms = row.from ? now - row.from.now : 0;
  if (ms < 1000) return '';
  const rate = ((sent - row.from.sent) * 1000) / ms;
  const left = rate > 0 ? Math.ceil((size - sent) / rate) : 0;
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  return ` · ${sizeText(rate)}/s · ${clock}`;
}
