/** What the writer and its judge agree on. */
export const ORIGIN = 'ledger.example/soak';
/** From the middle of one half-year to the middle of the next. */
export const HALF_YEAR_MS = 182.625 * 24 * 3600 * 1000;
