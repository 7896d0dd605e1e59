/**
 * asyncio's streams for TypeScript: openConnection, startServer, StreamReader and StreamWriter.
 *
 * @packageDocumentation
 */
export {};
