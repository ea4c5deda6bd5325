/** The lines of one log, kept in little memory. */

import { plain } from "./ansi.js";
import { Texts } from "./texts.js";

const BLOCK_LINES = 4096;
const TAB_COLUMNS = 4;

export const STREAMS = ["system", "stdout", "stderr"];
export const LEVELS = ["debug", "info", "warn", "error"];
export const PHASES = ["source", "build", "release", "start", "switch", "run"];

/**
 * A line as the API shows it.
 *
 * @typedef {object} Line
 * @property {number} seq
 * @property {string} stream
 * @property {string} level
 * @property {string} phase
 * @property {string} message
 * @property {string} created_at
 */

/**
 * Keeps lines by their place: the n-th that was ever appended. `seq` is what the server
 * calls it; lines that the server has thrown away leave a gap there, and none here.
 */
export class LogStore {
  /** The place of the oldest line that is kept. */
  first = 0;
  /** The place after the newest line. */
  end = 0;
  /** The columns of the longest line there was. */
  widest = 0;

  /** @type {Block[]} */
  #blocks = [];
  #bytes = 0;
  #mostLines;
  #mostBytes;

  /**
   * @param {object} [most] the oldest lines beyond are forgotten
   * @param {number} [most.lines]
   * @param {number} [most.bytes]
   */
  constructor({ lines = 300_000, bytes = 40_000_000 } = {}) {
    this.#mostLines = lines;
    this.#mostBytes = bytes;
  }

  /** The `seq` of the newest line; 0 before the first. */
  get lastSeq() {
    return this.end > this.first ? this.seq(this.end - 1) : 0;
  }

  /** How many lines are kept. */
  get size() {
    return this.end - this.first;
  }

  /**
   * Keep lines that come after those that are there; one that came before is passed over.
   *
   * @param {Line[]} lines in their order
   */
  append(lines) {
    for (const line of lines) {
      if (line.seq > this.lastSeq) this.#add(line);
    }
    this.#forgetOldest();
  }

  /** @param {number} place */
  seq(place) {
    return this.#block(place).seqs[place % BLOCK_LINES];
  }

  /** The time of a line in milliseconds. @param {number} place */
  time(place) {
    return this.#block(place).times[place % BLOCK_LINES];
  }

  /** @param {number} place */
  message(place) {
    return this.#block(place).messages.at(place % BLOCK_LINES);
  }

  /** How many columns a line takes, were each character one wide. @param {number} place */
  columns(place) {
    return this.#block(place).columns[place % BLOCK_LINES];
  }

  /** Its place in STREAMS. @param {number} place */
  stream(place) {
    return this.#marks(place) & 3;
  }

  /** Its place in LEVELS. @param {number} place */
  level(place) {
    return (this.#marks(place) >> 2) & 3;
  }

  /** Its place in PHASES. @param {number} place */
  phase(place) {
    return (this.#marks(place) >> 4) & 7;
  }

  /** Whether its width is known only once it is seen: not each character is one column. @param {number} place */
  isUneven(place) {
    return Boolean(this.#marks(place) & 128);
  }

  /**
   * The place of the first line whose `seq` is not smaller; `end` where there is none.
   *
   * @param {number} seq
   */
  placeOf(seq) {
    let [low, high] = [this.first, this.end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seq(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} place */
  #block(place) {
    return this.#blocks[Math.floor(place / BLOCK_LINES) - Math.floor(this.first / BLOCK_LINES)];
  }

  /** @param {number} place */
  #marks(place) {
    return this.#block(place).marks[place % BLOCK_LINES];
  }

  /** @param {Line} line */
  #add(line) {
    const row = this.end % BLOCK_LINES;
    if (row === 0) this.#blocks.push(new Block());
    const block = this.#blocks[this.#blocks.length - 1];
    const text = plain(line.message);
    const columns = Math.min(width(text), 65_535);
    block.seqs[row] = line.seq;
    block.times[row] = Date.parse(line.created_at);
    this.#bytes += block.messages.push(line.message);
    block.columns[row] = columns;
    block.marks[row] =
      Math.max(STREAMS.indexOf(line.stream), 0) |
      (Math.max(LEVELS.indexOf(line.level), 0) << 2) |
      (Math.max(PHASES.indexOf(line.phase), 0) << 4) |
      (/^[\x20-\x7e]*$/.test(text) ? 0 : 128);
    this.widest = Math.max(this.widest, columns);
    this.end += 1;
  }

  #forgetOldest() {
    const isTooMuch = () => this.size > this.#mostLines || this.#bytes > this.#mostBytes;
    while (this.#blocks.length > 1 && isTooMuch()) {
      this.#bytes -= /** @type {Block} */ (this.#blocks.shift()).messages.size;
      this.first += BLOCK_LINES;
    }
  }
}

/** So many lines that follow each other; what is a number is kept as one. */
class Block {
  seqs = new Float64Array(BLOCK_LINES);
  times = new Float64Array(BLOCK_LINES);
  columns = new Uint16Array(BLOCK_LINES);
  marks = new Uint8Array(BLOCK_LINES);
  messages = new Texts(BLOCK_LINES);
}

/** @param {string} text */
function width(text) {
  if (!text.includes("\t")) return text.length;
  const [first, ...others] = text.split("\t");
  return others.reduce((columns, part) => columns - (columns % TAB_COLUMNS) + TAB_COLUMNS + part.length, first.length);
}
