/**
 * Why a stage decided as it did: the same list feeds the answer, `explain`, the console and the ledger.
 * `rule` names a rule, grant, scope or feature by its id; `text` is a sentence that holds no value of a record.
 */
export interface Reason {
  readonly rule: string;
  readonly text: string;
}
