/**
 * A handler for `then` and `catch`. It may declare what it expects, as with a promise: `.catch((error: OSError) => ...)`.
 *
 * A method's parameters are compared in both directions, which a promise gets by `any`.
 */
export type RejectionHandler<B> = { handle(reason: unknown): B | PromiseLike<B> }['handle'];
