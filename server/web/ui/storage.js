// What the browser keeps: settings, and the keys by which our own uploads resume and can be taken
// off the shelf. Without storage all of it works, for as long as the page is open.

const UPLOADS_KEPT_MAX = 50;
const ITEMS_KEPT_MAX = 200;

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

function add(name, key, value, max) {
  const all = { ...load(localStorage, name), [key]: hex(value) };
  save(localStorage, name, Object.fromEntries(Object.entries(all).slice(-max)));
}

/** Keys of unfinished uploads by file, and of items. */
export const keys = {
  of: (file) => unhex(load(localStorage, 'uploads')[file]),
  // By a name that is no number, so that they stay in the order in which they came.
  ofItem: (item) => unhex(load(localStorage, 'items')[`#${item}`]),

  keep: (file, key) => add('uploads', file, key, UPLOADS_KEPT_MAX),
  /** An upload is over; as an item, its key is the right to take it off. */
  end(file, item, key) {
    const { [file]: _, ...others } = load(localStorage, 'uploads');
    save(localStorage, 'uploads', others);
    if (item !== undefined) add('items', `#${item}`, key, ITEMS_KEPT_MAX);
  },
};
