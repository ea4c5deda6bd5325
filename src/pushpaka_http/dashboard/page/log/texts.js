/** Many short texts in one piece of memory, out of sight of who collects garbage. */

const LEAST_BYTES = 65_536;
const MOST_BYTES_OF_CHARACTER = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Keeps a number of texts that is known before; each is read by its index. */
export class Texts {
  /** How many bytes they take. */
  size = 0;
  #bytes = new Uint8Array(LEAST_BYTES);
  #ends;
  #count = 0;

  /** @param {number} most how many there will be */
  constructor(most) {
    this.#ends = new Uint32Array(most);
  }

  /**
   * @param {string} text
   * @returns {number} how many bytes it takes
   */
  push(text) {
    this.#reserve(text.length * MOST_BYTES_OF_CHARACTER);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.size));
    this.size += written;
    this.#ends[this.#count] = this.size;
    this.#count += 1;
    if (this.#count === this.#ends.length) this.#resize(this.size);
    return written;
  }

  /** @param {number} index */
  at(index) {
    return decoder.decode(this.#bytes.subarray(index && this.#ends[index - 1], this.#ends[index]));
  }

  /** @param {number} more */
  #reserve(more) {
    const wanted = this.size + more;
    if (wanted > this.#bytes.length) this.#resize(Math.max(wanted, 2 * this.#bytes.length));
  }

  /** @param {number} length */
  #resize(length) {
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(length));
  }
}
