/** Chance that a seed decides, so that what failed once can be had again. */
export class Chance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end) {
    // A linear congruential generator. Its high bits are good enough to choose by.
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * end);
  }

  /** True once in so many times. */
  once(times) {
    return this.below(times) === 0;
  }

  /** One of these. */
  of(...choices) {
    return choices[this.below(choices.length)];
  }

  /** The same values in another order. */
  shuffled(values) {
    const shuffled = [...values];
    for (let end = shuffled.length; end > 1; end--) {
      const other = this.below(end);
      [shuffled[end - 1], shuffled[other]] = [shuffled[other], shuffled[end - 1]];
    }
    return shuffled;
  }
}
