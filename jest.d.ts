// Types of `heapwise/jest`: `await expect(fn).not.toLeak()`.

import type { CompareOptions } from './lib/leaks/compare'

/** The matcher by itself, for who extends `expect` himself: `expect.extend(matchers)`. */
export declare function toLeak (
  this: unknown,
  fn: () => unknown,
  options?: CompareOptions
): Promise<{ pass: boolean, message: () => string }>

export declare const matchers: { toLeak: typeof toLeak }

export type { CompareOptions, CompareReport } from './lib/leaks/compare'

declare global {
  // Of @types/jest, if it is there.
  namespace jest {
    interface Matchers<R, T = {}> {
      /**
       * That the function keeps memory, handles or listeners at each call; to be awaited. It is called many times, which
       * takes one to several seconds: give the test a timeout of 30 s.
       */
      toLeak (options?: CompareOptions): Promise<R>
    }
  }
}

// Of @jest/globals. Who does not have it does not need it.
// @ts-ignore
declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T = unknown> {
    /**
     * That the function keeps memory, handles or listeners at each call; to be awaited. It is called many times, which
     * takes one to several seconds: give the test a timeout of 30 s.
     */
    toLeak (options?: CompareOptions): Promise<R>
  }
}
