/** The system's resolver with a wait in it, so that something can happen during a lookup; for child processes. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Stands in front of libc's functions (LD_PRELOAD). A name `slow-N` is answered after N ms, as 127.0.0.1; `broken` fails because of the
 * system (EMFILE); the rest goes to libc. What happens is written to the file that `LOOKUPS` names.
 */
const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef void release(struct addrinfo *);

static void note(const char *what, const char *name) {
  char line[300];
  int length = snprintf(line, sizeof line, "%s %s\\n", what, name);
  int fd = open(getenv("LOOKUPS"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, line, length) != length) abort();
  close(fd);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
  if (host != NULL && strcmp(host, "broken") == 0) {
    errno = EMFILE;
    return EAI_SYSTEM;
  }
  if (host == NULL || strncmp(host, "slow-", 5) != 0) return real(host, service, hints, result);
  note("begin", host);
  usleep(1000 * atoi(host + 5));
  note("end", host);
  return real("127.0.0.1", service, hints, result);
}

void freeaddrinfo(struct addrinfo *list) {
  if (list != NULL) note("free", "");
  ((release *)dlsym(RTLD_NEXT, "freeaddrinfo"))(list);
}
`;

/** The resolver, built. */
export interface SlowResolver {
  /** For a child process. */
  readonly env: Readonly<Record<string, string>>;
  /** What has happened since the last call. */
  take(): string[];
  remove(): void;
}

/** @returns null where nothing can be built, or where LD_PRELOAD means nothing. */
export function slowResolver(): SlowResolver | null {
  if (process.platform !== 'linux') return null;
  const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const [source, library, log] = ['slow.c', 'slow.so', 'log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(source, SOURCE);
  try {
    execFileSync(process.env['CC'] ?? 'gcc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'ignore' });
  } catch {
    remove();
    return null;
  }
  const take = (): string[] => {
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    rmSync(log);
    return lines.map((line) => line.trimEnd());
  };
  return { env: { LD_PRELOAD: library, LOOKUPS: log }, take, remove };
}
