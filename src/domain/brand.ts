declare const brand: unique symbol;

/** A value that was parsed once, at the edge; inner code trusts it. There is no runtime cost. */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };
