/** 0 for nothing, a half at `half`, towards 1 beyond. */
export const squash = (value: number, half: number): number => (value > 0 ? value / (value + half) : 0);

export const unit = (value: number): number => Math.min(1, Math.max(0, value));
