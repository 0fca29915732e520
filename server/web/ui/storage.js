// What the browser keeps: settings, the keys of our own uploads and items, and what outlives a
// reload. Without storage all but the last works, for as long as the page is open.

const KEYS_MAX = 250;
const UNSENT_CHARS_MAX = 1_000_000;
// Instead of a storage that is full, or not allowed; then the mere mention of it throws.
const memory = {};
/** What is kept by this name: by `localStorage`, or for this tab alone by `sessionStorage`. */
export function load(storage, name) {
  if (name in memory) return memory[name] ?? {};
  try {
    return JSON.parse(globalThis[storage].getItem(name)) ?? {};
  } catch {
    return {};
  }
}

export function save(storage, name, value) {
  try {
    globalThis[storage].setItem(name, JSON.stringify(value));
    delete memory[name];
  } catch {
    memory[name] = value;
  }
}

/** What a page finds when it is loaded again; each time only once. */
export const reload = {
  keep({ draft, unsent = [], ...member }) {
    let chars = 0;
    const fits = (entry) => (chars += JSON.stringify(entry).length) <= UNSENT_CHARS_MAX;
    const kept = { draft: draft.slice(0, UNSENT_CHARS_MAX), unsent: unsent.filter(fits) };
    save('sessionStorage', 'reload', { ...member, ...kept });
  },
  take() {
    const kept = load('sessionStorage', 'reload');
    save('sessionStorage', 'reload', null);
    return kept;
  },
};

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text) => text && Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
// In the order in which they came, so that the oldest give way.
function put(name, value) {
  const { [name]: _, ...others } = load('localStorage', 'keys');
  const all = value ? { ...others, [name]: hex(value) } : others;
  save('localStorage', 'keys', Object.fromEntries(Object.entries(all).slice(-KEYS_MAX)));
}

export const keys = {
  of: (file) => unhex(load('localStorage', 'keys')[`file ${file}`]),
  ofItem: (item) => unhex(load('localStorage', 'keys')[`item ${item}`]),
  keep: (file, key) => put(`file ${file}`, key),
  /** An upload is over; as an item, its key is the right to take it off. */
  end(file, item, key) {
    put(`file ${file}`);
    if (item !== undefined) put(`item ${item}`, key);
  },
};
