/** The part of a list that is in the page: elements for some of its indices, in a row. */

/** Keeps elements that stay in sight, and makes and removes only what comes and goes. */
export class Rows {
  from = 0;

  /** @type {HTMLElement[]} */
  #elements = [];
  #window;
  #make;

  /**
   * @param {HTMLElement} window that holds them
   * @param {(index: number) => HTMLElement} make
   */
  constructor(window, make) {
    this.#window = window;
    this.#make = make;
  }

  get to() {
    return this.from + this.#elements.length;
  }

  /** Let go of all of them, as what is at an index has changed. */
  forget() {
    this.#window.replaceChildren();
    this.#elements = [];
  }

  /**
   * Have elements for all indices from *from* up to *to*, which is not included.
   *
   * @param {number} from
   * @param {number} to
   */
  draw(from, to) {
    if (from >= this.to || to <= this.from) this.forget();
    if (!this.#elements.length) this.from = from;
    for (const gone of this.#elements.splice(Math.max(to - this.from, 0))) gone.remove();
    for (const gone of this.#elements.splice(0, Math.max(from - this.from, 0))) gone.remove();
    this.from = Math.max(this.from, from);
    const above = this.#made(from, this.from);
    const below = this.#made(this.to, to);
    this.#window.prepend(...above);
    this.#window.append(...below);
    this.#elements = above.concat(this.#elements, below);
    this.from = from;
  }

  /**
   * The element of an index that is drawn.
   *
   * @param {number} index
   */
  at(index) {
    return this.#elements[index - this.from];
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #made(from, to) {
    return Array.from({ length: Math.max(to - from, 0) }, (_, step) => this.#make(from + step));
  }
}
