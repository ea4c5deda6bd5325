/** The heights of rows, with fast conversion between offsets and indices. */

/** Prefix sums in a Fenwick tree that grows at its end. Updates and searches take logarithmic time. */
export class Heights {
  size = 0;
  total = 0;
  #heights = new Uint32Array(1024);
  #sums = new Uint32Array(1025);

  clear() {
    this.size = 0;
    this.total = 0;
  }

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

  at(index) {
    return this.#heights[index];
  }

  set(index, height) {
    const difference = height - this.#heights[index];
    this.#heights[index] = height;
    for (let node = index + 1; node <= this.size; node += node & -node) this.#sums[node] += difference;
    this.total += difference;
  }

  /** Return the sum of the heights before *index*. */
  offsetOf(index) {
    let sum = 0;
    for (let node = index; node > 0; node -= node & -node) sum += this.#sums[node];
    return sum;
  }

  /** Return the index of the row at *offset*, or of the last row beyond the end. */
  indexAt(offset) {
    let index = 0;
    let left = Math.max(offset, 0);
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
