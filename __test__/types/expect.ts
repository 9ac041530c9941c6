// What the type tests say things with. They are compiled by `npm run types`, never run.

/** `true` if `A` and `B` are the same type, else `false`; `any` is the same as `any` only. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

/** Compiles if the value's type is exactly `T`: `expectType<number>()(value)`. */
export declare function expectType<T> (): <U>(value: U, ...same: Equal<T, U> extends true ? [] : [never]) => void

/** Compiles if each of the types is `true`. */
export declare function expectTrue<_T extends readonly true[]> (): void

// They do tell a difference.
declare const text: string
declare const anything: any
expectType<string>()(text)
expectType<any>()(anything)
expectTrue<[Equal<string, string>, Equal<{ a?: 1 }, { a?: 1 }>]>()
// @ts-expect-error a string is not any
expectType<any>()(text)
// @ts-expect-error any is not a string
expectType<string>()(anything)
// @ts-expect-error a wider type
expectType<string | undefined>()(text)
// @ts-expect-error a narrower type
expectType<'a'>()(text)
// @ts-expect-error an optional member is another one
expectTrue<[Equal<{ a?: 1 }, { a: 1 | undefined }>]>()
