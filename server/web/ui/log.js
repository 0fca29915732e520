// The conversation, in blocks of rows that the browser draws only where they are visible.

import { language, t } from '../strings.js';
import { bdi, colourOf, dateOf, el, linked } from './dom.js';

const BLOCK_ROWS = 50;
const ROWS_MAX = 20_000;
const TURN_MS = 4;
const FRAME_MS = 16;
const SAME_MS = 3 * 60_000;
const FOLDED_MAX = 8;
const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const MOMENT = new Intl.DateTimeFormat([], { dateStyle: 'full', timeStyle: 'medium' });

export class Log {
  #box; #lines; #newest; #queue = []; #timer = null; #block = null; #rows = 0; #day = '';
  #amendable = null; #last = null; #isAtEnd = true; #top = 0; #unseen = 0;
  /** `box` scrolls, and holds the `lines`; `newest` is the button that leads to its end. */
  constructor(box, lines, newest) {
    [this.#box, this.#lines, this.#newest] = [box, lines, newest];
    box.addEventListener('scroll', () => this.#noteScroll(), { passive: true });
    newest.onclick = () => this.toEnd();
    // Pictures come later than the rows that show them.
    const observer = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    [box, lines].forEach((it) => observer.observe(it));
  }

  /** Adds a row: `said`, `action`, `told`, `event`, `presence`, `notice` or `line`. An `amendment`
   * has other `parts` for the last row that `isAmendable`. */
  add(row) {
    this.#queue.push(row);
    if (this.#queue.length > ROWS_MAX) this.#queue.shift();
    this.#schedule();
  }

  // Not by animation frames: none come in the background.
  #schedule() { this.#timer ??= setTimeout(() => this.#flush(), FRAME_MS); }
  #flush() {
    const until = performance.now() + TURN_MS;
    this.#timer = null;
    let taken = 0;
    while (taken < this.#queue.length && performance.now() < until) {
      this.#draw(this.#queue[taken++]);
    }
    this.#queue.splice(0, taken);
    this.#lines.ariaBusy = String(this.#queue.length > 0);
    while (this.#rows > ROWS_MAX) {
      this.#rows -= this.#lines.firstElementChild.childElementCount;
      this.#lines.firstElementChild.remove();
    }
    if (this.#isAtEnd) this.toEnd();
    else this.#showNewest();
    if (this.#queue.length) this.#schedule();
  }

  #draw(row) {
    if (row.kind === 'line') return this.#line(row.text, row.isUnread);
    if (row.kind === 'amendment') {
      if (this.#amendable) return this.#amendable.replaceChildren(...row.parts);
      row = { ...row, kind: 'notice', isAmendable: true };
    }
    const at = row.at === undefined ? new Date() : dateOf(row.at);
    const day = at.toDateString();
    // Our own clock, by which notices are, may be wrong.
    if (day !== this.#day && row.at !== undefined) {
      this.#line(at.toLocaleDateString(language, { dateStyle: 'full' }));
      this.#day = day;
    }
    if (row.kind === 'presence' && this.#fold(row)) return;
    if (!this.#isAtEnd) this.#unseen += 1;
    const text = el('div', { className: 'text', dir: row.parts ? '' : 'auto' },
      ...(row.parts ?? linked(row.text)));
    if (row.isAmendable) this.#amendable = text;
    this.#append(this.#rowOf(row, at, text), { ...row, at, text });
  }

  // A rule with a few words in it. There is only one place where the unseen rows begin.
  #line(text, isUnread = false) {
    const line = el('div', { className: isUnread ? 'line unread' : 'line' }, el('span', {}, text));
    if (isUnread) this.#lines.querySelector('.unread')?.remove();
    this.#append(line, null);
  }

  // Joins and leaves share a row.
  #fold({ parts }) {
    const last = this.#last;
    if (last?.kind !== 'presence' || last.folded >= FOLDED_MAX) return false;
    last.folded = (last.folded ?? 1) + 1;
    last.text.append(' · ', ...parts);
    return true;
  }

  #rowOf({ kind, seq, nick, isMention, isOwn, to }, at, text) {
    const last = kind === 'said' && this.#last?.kind === 'said' && this.#last;
    const isSame = last && last.nick === nick && at - last.at < SAME_MS;
    const classes = ['row', kind, isSame && 'same', isMention && 'mention', isOwn && 'own'];
    const name = nick ? [el('span', { className: `nick ${colourOf(nick)}` }, bdi(nick)), ' '] : [];
    const tag = to ? [el('span', { className: 'tag' }, to), ' '] : [];
    const moment = { dateTime: at.toISOString(), title: MOMENT.format(at) };
    return el('div', { className: classes.filter(Boolean).join(' '), 'data-seq': seq },
      ...name, ...tag, el('time', moment, CLOCK.format(at)), ' ', text);
  }

  #append(element, last) {
    if (!this.#block || this.#block.childElementCount >= BLOCK_ROWS) {
      this.#block = el('div', { className: 'block' });
      this.#lines.append(this.#block);
    }
    this.#block.append(element);
    this.#rows += 1;
    this.#last = last;
  }

  /** Takes the text of a line away for good, drawn or not. */
  redact(seq) {
    const row = this.#lines.querySelector(`[data-seq="${seq}"]`);
    row?.querySelector('.text').replaceChildren(t('redacted'));
    row?.removeAttribute('data-seq');
    const queued = this.#queue.find((it) => it.seq === seq);
    if (queued) Object.assign(queued, { seq: undefined, text: t('redacted') });
  }

  /** The number of a member's last line, or the `nth` last; `undefined` if it is not here. */
  lineOf(nick, nth) {
    const nickOf = (row) => row.querySelector('.nick').textContent.toLowerCase();
    const rows = [...this.#lines.querySelectorAll('[data-seq]')];
    const line = rows.filter((row) => nickOf(row) === nick.toLowerCase()).at(-nth);
    return line && BigInt(line.dataset.seq);
  }

  clear() {
    this.#lines.replaceChildren();
    [this.#block, this.#day, this.#last, this.#amendable] = [null, '', null, null];
    [this.#queue, this.#rows] = [[], 0];
  }

  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#isAtEnd = true;
    this.#showNewest();
  }

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    // Only scrolling upwards leaves the end, which itself may have moved down.
    const stays = this.#isAtEnd && scrollTop >= this.#top;
    this.#isAtEnd = stays || scrollHeight - scrollTop - clientHeight < 24;
    this.#top = scrollTop;
    this.#showNewest();
  }

  #showNewest() {
    if (this.#isAtEnd) this.#unseen = 0;
    this.#newest.hidden = this.#isAtEnd;
    this.#newest.textContent = `${t('newest')}${this.#unseen ? ` (${this.#unseen})` : ''} ↓`;
  }
}
