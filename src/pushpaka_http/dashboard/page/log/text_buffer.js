/** Many short strings in one array buffer, which costs the garbage collector nothing. */

const MIN_BYTES = 65_536;
const MAX_BYTES_PER_CHARACTER = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class TextBuffer {
  /** The number of bytes in use. */
  size = 0;
  #bytes = new Uint8Array(MIN_BYTES);
  #ends;
  #count = 0;

  /** @param {number} capacity the number of strings */
  constructor(capacity) {
    this.#ends = new Uint32Array(capacity);
  }

  /** Append a string and return its size in bytes. */
  push(text) {
    const needed = this.size + text.length * MAX_BYTES_PER_CHARACTER;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, 2 * this.#bytes.length));
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.size));
    this.size += written;
    this.#ends[this.#count] = this.size;
    this.#count += 1;
    if (this.#count === this.#ends.length) this.#resize(this.size);
    return written;
  }

  at(index) {
    return decoder.decode(this.#bytes.subarray(index && this.#ends[index - 1], this.#ends[index]));
  }

  #resize(length) {
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(length));
  }
}
