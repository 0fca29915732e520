// What the browser keeps: settings, and the keys by which our own uploads resume and can be taken
// off the shelf. Without storage all of it works, for as long as the page is open.

const KEYS_MAX = 250;

export function load(storage, name) {
  try {
    return JSON.parse(storage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

export function save(storage, name, value) {
  try {
    storage.setItem(name, JSON.stringify(value));
  } catch {
    // It is full, or not allowed.
  }
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text) => text && Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

// In the order in which they came, so that the oldest give way.
function put(name, value) {
  const { [name]: _, ...others } = load(localStorage, 'keys');
  const all = value ? { ...others, [name]: hex(value) } : others;
  save(localStorage, 'keys', Object.fromEntries(Object.entries(all).slice(-KEYS_MAX)));
}

/** Keys of unfinished uploads by file, and of items. */
export const keys = {
  of: (file) => unhex(load(localStorage, 'keys')[`file ${file}`]),
  ofItem: (item) => unhex(load(localStorage, 'keys')[`item ${item}`]),
  keep: (file, key) => put(`file ${file}`, key),
  /** An upload is over; as an item, its key is the right to take it off. */
  end(file, item, key) {
    put(`file ${file}`);
    if (item !== undefined) put(`item ${item}`, key);
  },
};
