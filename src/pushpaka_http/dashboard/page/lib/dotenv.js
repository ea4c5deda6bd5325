/**
 * Parses .env files.
 *
 *     parseDotenv('export A=1 # one\nB="two\nlines"')
 *     // {variables: [{key: "A", value: "1", line: 1}, {key: "B", value: "two\nlines", line: 2}],
 *     //  problems: []}
 *
 * References such as `$NAME` are not expanded.
 */

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ESCAPES = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" };

/**
 * @param {string} text
 * @returns {{variables: {key: string, value: string, line: number}[],
 *   problems: {line: number, message: string}[]}} the last value of a repeated key wins, with a
 *   problem that reports the repetition
 */
export function parseDotenv(text) {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const found = new Map();
  const problems = [];
  for (let index = 0; index < lines.length; ) {
    const { key, value, message, length } = parseAt(lines, index);
    const line = index + 1;
    if (message) problems.push({ line, message });
    if (key) {
      const earlier = found.get(key);
      if (earlier) problems.push({ line, message: `${key} is also set on line ${earlier.line}. This line takes precedence.` });
      found.set(key, { key, value, line });
    }
    index += length;
  }
  return { variables: [...found.values()], problems };
}

/** Parse the variable that starts on a line, and return how many lines it spans. */
function parseAt(lines, index) {
  const line = lines[index].trim();
  if (line === "" || line.startsWith("#")) return { length: 1 };
  const [, name, rest] = /^(?:export\s+)?([^=]*?)\s*=\s*([^]*)$/.exec(lines[index].trimStart()) ?? [];
  if (name === undefined) return { length: 1, message: `“${short(line)}” has no “=”.` };
  if (!KEY.test(name)) {
    const problem = name ? `“${short(name)}” is not a valid name` : "The name before the “=” is missing";
    return { length: 1, message: `${problem}. Use letters, digits and underscores, and do not start with a digit.` };
  }
  const quote = rest[0];
  if (!["'", '"', "`"].includes(quote)) return { length: 1, key: name, value: unquoted(rest) };
  return { key: name, ...quoted([rest.slice(1), ...lines.slice(index + 1)], quote) };
}

/** Strip the comment, which starts with a "#" after a space. */
const unquoted = (rest) => rest.replace(/(^|\s)#.*$/, "").trim();

function quoted(lines, quote) {
  for (let length = 1; length <= lines.length; length += 1) {
    const end = closingQuote(lines[length - 1], quote);
    if (end === -1) continue;
    const inside = [...lines.slice(0, length - 1), lines[length - 1].slice(0, end)].join("\n");
    const after = lines[length - 1].slice(end + 1).trim();
    const message = after && !after.startsWith("#") ? `“${short(after)}” after the closing quote is ignored.` : undefined;
    return { length, message, value: quote === '"' ? unescaped(inside) : inside };
  }
  return { length: 1, key: undefined, message: "The closing quote is missing." };
}

function closingQuote(line, quote) {
  for (let index = 0; index < line.length; index += 1) {
    if (line[index] === quote) return index;
    if (line[index] === "\\" && quote === '"') index += 1;
  }
  return -1;
}

const unescaped = (text) => text.replace(/\\([nrt"\\$])/g, (_, letter) => ESCAPES[letter]);

const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
