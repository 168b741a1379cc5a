import type { Answer } from './answer.ts';
import type { Received } from './exchange.ts';

/** `/metadata` and `/.well-known/smart-configuration`: open to all, and about nobody. */
export interface Capabilities {
  /** `undefined`: the call is something else and goes through the stages. */
  answer(received: Received): Promise<Answer> | Answer | undefined;
}
