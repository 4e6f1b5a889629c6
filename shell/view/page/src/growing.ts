// Numbers of a channel so far: grows at its end without copying at each point.

export class Growing {
  private room = new Float64Array(256);
  length = 0;

  put(first: number, values: ArrayLike<number>): void {
    const end = first + values.length;
    if (end > this.room.length) {
      const room = new Float64Array(Math.max(end, 2 * this.room.length));
      room.set(this.room.subarray(0, this.length));
      this.room = room;
    }
    if (first > this.length) this.room.fill(NaN, this.length, first);
    this.room.set(values, first);
    this.length = Math.max(this.length, end);
  }

  get values(): Float64Array {
    return this.room.subarray(0, this.length);
  }
}
