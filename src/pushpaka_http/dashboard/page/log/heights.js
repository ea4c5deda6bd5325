/** How high each of many things is, and what is at a height: both in a few steps. */

/** Sums of whole numbers in a Fenwick tree, to which is only added at its end. */
export class Heights {
  size = 0;
  total = 0;
  #heights = new Uint32Array(1024);
  #sums = new Uint32Array(1025);

  clear() {
    this.size = 0;
    this.total = 0;
  }

  /** @param {number} height */
  push(height) {
    if (this.size === this.#heights.length) this.#grow();
    const node = this.size + 1;
    let sum = height;
    for (let child = node - 1; child > node - (node & -node); child -= child & -child) sum += this.#sums[child];
    this.#heights[this.size] = height;
    this.#sums[node] = sum;
    this.size = node;
    this.total += height;
  }

  /** @param {number} index */
  at(index) {
    return this.#heights[index];
  }

  /**
   * @param {number} index
   * @param {number} height
   */
  set(index, height) {
    const more = height - this.#heights[index];
    this.#heights[index] = height;
    for (let node = index + 1; node <= this.size; node += node & -node) this.#sums[node] += more;
    this.total += more;
  }

  /** How high all before *index* are together. @param {number} index */
  before(index) {
    let sum = 0;
    for (let node = index; node > 0; node -= node & -node) sum += this.#sums[node];
    return sum;
  }

  /** What is at a height; the last one above all of them. @param {number} height */
  indexAt(height) {
    let index = 0;
    let left = Math.max(height, 0);
    for (let step = 1 << 30; step > 0; step >>= 1) {
      const next = index + step;
      if (next <= this.size && this.#sums[next] <= left) {
        index = next;
        left -= this.#sums[next];
      }
    }
    return Math.max(Math.min(index, this.size - 1), 0);
  }

  #grow() {
    const heights = new Uint32Array(this.#heights.length * 2);
    const sums = new Uint32Array(heights.length + 1);
    heights.set(this.#heights);
    sums.set(this.#sums);
    this.#heights = heights;
    this.#sums = sums;
  }
}
