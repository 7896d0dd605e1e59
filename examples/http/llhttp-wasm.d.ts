/** The bytes of llhttp as WebAssembly. undici has no types for it. */
declare module 'undici/lib/llhttp/llhttp-wasm.js' {
  const bytes: Buffer<ArrayBuffer>;
  export default bytes;
}
