/** A compact store of the lines of a log. */

import { plain } from "./ansi.js";
import { firstIndex } from "./search.js";
import { TextBuffer } from "./text_buffer.js";

const BLOCK_LINES = 4096;
const TAB_COLUMNS = 4;

export const STREAMS = ["system", "stdout", "stderr"];
export const LEVELS = ["debug", "info", "warn", "error"];
export const PHASES = ["source", "build", "release", "start", "switch", "run"];

/**
 * Stores lines by position, which counts all lines that were ever appended. The `seq` of a line is
 * its number on the server, which may have gaps where the server has deleted lines.
 */
export class LogStore {
  /** The position of the oldest stored line. */
  first = 0;
  /** The position after the newest line. */
  end = 0;
  /** The width of the longest line so far in columns. */
  widest = 0;

  #blocks = [];
  #bytes = 0;
  #maxLines;
  #maxBytes;

  /** Beyond `lines` or `bytes`, the oldest lines are dropped. */
  constructor({ lines = 300_000, bytes = 40_000_000 } = {}) {
    this.#maxLines = lines;
    this.#maxBytes = bytes;
  }

  /** The `seq` of the newest line, or 0. */
  get lastSeq() {
    return this.end > this.first ? this.seq(this.end - 1) : 0;
  }

  /** The number of stored lines. */
  get size() {
    return this.end - this.first;
  }

  /** Append lines in the format of the API, in order. Lines that are already stored are ignored. */
  append(lines) {
    for (const line of lines) {
      if (line.seq > this.lastSeq) this.#add(line);
    }
    this.#dropOldest();
  }

  seq(position) {
    return this.#block(position).seqs[position % BLOCK_LINES];
  }

  /** Return the time in milliseconds. */
  time(position) {
    return this.#block(position).times[position % BLOCK_LINES];
  }

  message(position) {
    return this.#block(position).messages.at(position % BLOCK_LINES);
  }

  /** Return the width in columns, as if each character had one column. */
  columns(position) {
    return this.#block(position).columns[position % BLOCK_LINES];
  }

  /** Return the index in STREAMS. */
  stream(position) {
    return this.#flags(position) & 3;
  }

  /** Return the index in LEVELS. */
  level(position) {
    return (this.#flags(position) >> 2) & 3;
  }

  /** Return the index in PHASES. */
  phase(position) {
    return (this.#flags(position) >> 4) & 7;
  }

  /** Return true if the line has characters that may not be one column wide, so that its width must be measured. */
  isUneven(position) {
    return Boolean(this.#flags(position) & 128);
  }

  /** Return the position of the first line whose `seq` is not smaller, or `end`. */
  positionOf(seq) {
    return firstIndex(this.first, this.end, (position) => this.seq(position) < seq);
  }

  #block(position) {
    return this.#blocks[Math.floor(position / BLOCK_LINES) - Math.floor(this.first / BLOCK_LINES)];
  }

  #flags(position) {
    return this.#block(position).flags[position % BLOCK_LINES];
  }

  #add(line) {
    const row = this.end % BLOCK_LINES;
    if (row === 0) this.#blocks.push(new Block());
    const block = this.#blocks[this.#blocks.length - 1];
    const text = plain(line.message);
    const columns = Math.min(widthOf(text), 65_535);
    block.seqs[row] = line.seq;
    block.times[row] = Date.parse(line.created_at);
    this.#bytes += block.messages.push(line.message);
    block.columns[row] = columns;
    block.flags[row] =
      Math.max(STREAMS.indexOf(line.stream), 0) |
      (Math.max(LEVELS.indexOf(line.level), 0) << 2) |
      (Math.max(PHASES.indexOf(line.phase), 0) << 4) |
      (/^[\x20-\x7e]*$/.test(text) ? 0 : 128);
    this.widest = Math.max(this.widest, columns);
    this.end += 1;
  }

  #dropOldest() {
    while (this.#blocks.length > 1 && (this.size > this.#maxLines || this.#bytes > this.#maxBytes)) {
      this.#bytes -= this.#blocks.shift().messages.size;
      this.first += BLOCK_LINES;
    }
  }
}

/** Consecutive lines in typed arrays. */
class Block {
  seqs = new Float64Array(BLOCK_LINES);
  times = new Float64Array(BLOCK_LINES);
  columns = new Uint16Array(BLOCK_LINES);
  flags = new Uint8Array(BLOCK_LINES);
  messages = new TextBuffer(BLOCK_LINES);
}

function widthOf(text) {
  if (!text.includes("\t")) return text.length;
  const [first, ...others] = text.split("\t");
  return others.reduce((columns, part) => columns - (columns % TAB_COLUMNS) + TAB_COLUMNS + part.length, first.length);
}
