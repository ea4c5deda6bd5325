/**
 * Reads what is pasted from a .env file.
 *
 *     parseDotenv('export A=1 # one\nB="two\nlines"')
 *     // {variables: [{key: "A", value: "1", line: 1}, {key: "B", value: "two\nlines", line: 2}],
 *     //  problems: []}
 *
 * Values are taken as they are written: what looks like `$NAME` is not filled in.
 */

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ESCAPES = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" };

/**
 * @param {string} text
 * @returns {{variables: {key: string, value: string, line: number}[],
 *   problems: {line: number, message: string}[]}} of a name that comes twice the last one counts,
 *   which a problem of its own tells.
 */
export function parseDotenv(text) {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const found = new Map();
  const problems = [];
  for (let at = 0; at < lines.length; ) {
    const { key, value, message, took } = readAt(lines, at);
    const line = at + 1;
    if (message) problems.push({ line, message });
    if (key) {
      const earlier = found.get(key);
      if (earlier) problems.push({ line, message: `${key} is on line ${earlier.line} as well; this one counts.` });
      found.set(key, { key, value, line });
    }
    at += took;
  }
  return { variables: [...found.values()], problems };
}

/** What begins on a line: a variable, a problem, or neither; and how many lines it takes. */
function readAt(lines, at) {
  const line = lines[at].trim();
  if (line === "" || line.startsWith("#")) return { took: 1 };
  const [, name, rest] = /^(?:export\s+)?([^=]*?)\s*=\s*([^]*)$/.exec(lines[at].trimStart()) ?? [];
  if (name === undefined) return { took: 1, message: `“${short(line)}” has no “=”.` };
  if (!KEY.test(name)) {
    const what = name ? `“${short(name)}” is no name` : "There is no name before the “=”";
    return { took: 1, message: `${what}: use letters, digits and underscores, and no digit first.` };
  }
  const quote = rest[0];
  if (!["'", '"', "`"].includes(quote)) return { took: 1, key: name, value: unquoted(rest) };
  return { key: name, ...quoted([rest.slice(1), ...lines.slice(at + 1)], quote) };
}

/** What stands before a comment, which begins with a "#" after a space. */
const unquoted = (rest) => rest.replace(/(^|\s)#.*$/, "").trim();

function quoted(lines, quote) {
  for (let took = 1; took <= lines.length; took += 1) {
    const end = closing(lines[took - 1], quote);
    if (end === -1) continue;
    const inside = [...lines.slice(0, took - 1), lines[took - 1].slice(0, end)].join("\n");
    const after = lines[took - 1].slice(end + 1).trim();
    const message = after && !after.startsWith("#") ? `“${short(after)}” after the closing quote is left out.` : undefined;
    return { took, message, value: quote === '"' ? unescaped(inside) : inside };
  }
  return { took: 1, key: undefined, message: "The quote that opens here is never closed." };
}

function closing(line, quote) {
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === quote) return at;
    if (line[at] === "\\" && quote === '"') at += 1;
  }
  return -1;
}

const unescaped = (text) => text.replace(/\\([nrt"\\$])/g, (_, letter) => ESCAPES[letter]);

const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
