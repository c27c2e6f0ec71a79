/* A disk that forgets: writes down, for files below FORGETFUL_ROOT, what is written and what is synced, in order.
 *
 * Loaded with LD_PRELOAD (see forgetful_disk.py, which replays the notes after a kill). Every call still does its work;
 * beside it a record goes to FORGETFUL_LOG in one writev, which outlives SIGKILL because the kernel has it. A write is
 * noted before it is done and a sync after it is done: when in doubt, less is durable. Three marker files beside the log
 * make the disk fail: <log>.eio (the next sync fails once, and its data is forgotten, as Linux does), <log>.rofs (all
 * writes and syncs fail with EROFS), and FORGETFUL_CAPACITY bytes (ENOSPC beyond).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct note { uint32_t op, path_bytes; uint64_t inode, offset, bytes; };
enum { WRITE = 1, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, MAKE_FOLDER, REMOVE_FOLDER, FORGET };

static char root[PATH_MAX], marker[2][PATH_MAX + 8];
static size_t root_bytes;
static int log_fd = -1;
static long long capacity = -1;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, type, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FORGETFUL_ROOT"), *log = getenv("FORGETFUL_LOG"), *limit = getenv("FORGETFUL_CAPACITY");
    if (!folder || !log || !realpath(folder, root)) return;
    root_bytes = strlen(root);
    snprintf(marker[0], sizeof marker[0], "%s.eio", log);
    snprintf(marker[1], sizeof marker[1], "%s.rofs", log);
    if (limit) capacity = atoll(limit);
    REAL("open64", int, const char *, int, ...);
    log_fd = real(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below_root(const char *path) {
    return log_fd >= 0 && !strncmp(path, root, root_bytes) && (path[root_bytes] == '/' || !path[root_bytes]);
}

/* The path of a descriptor, if it is below the root. */
static int known(int fd, char *path) {
    if (log_fd < 0 || fd < 0) return 0;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, PATH_MAX - 1);
    if (bytes <= 0) return 0;
    path[bytes] = 0;
    return below_root(path);
}

/* The absolute path of a path given to a call, with its folder resolved (the last part may not exist). */
static int resolved(int at, const char *given, char *path) {
    char joined[PATH_MAX], base[PATH_MAX] = "";
    if (log_fd < 0) return 0;
    if (given[0] != '/' && at != AT_FDCWD) {
        char link[40];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t bytes = readlink(link, base, sizeof base - 1);
        if (bytes <= 0) return 0;
        base[bytes] = 0;
    } else if (given[0] != '/' && !getcwd(base, sizeof base)) return 0;
    if ((size_t)snprintf(joined, sizeof joined, given[0] == '/' ? "%s%s" : "%s/%s", base, given) >= sizeof joined) return 0;
    char *last = strrchr(joined, '/');
    *last = 0;
    if (!realpath(joined[0] ? joined : "/", path)) return 0;
    if (strlen(path) + strlen(last + 1) + 2 > PATH_MAX) return 0;
    strcat(strcat(path, "/"), last + 1);
    return below_root(path);
}

static void note(uint32_t op, int fd, const char *path, uint64_t offset, const void *data, uint64_t bytes) {
    struct stat64 info = {0};
    if (fd >= 0) fstat64(fd, &info);
    struct note head = {op, (uint32_t)strlen(path), info.st_ino, offset, bytes};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path_bytes}, {(void *)data, data ? bytes : 0}};
    int kept = errno;
    REAL("writev", ssize_t, int, const struct iovec *, int);
    if (real(log_fd, parts, 3) < 0) abort();
    errno = kept;
}

static long long used;
static int add_size(const char *path, const struct stat64 *info, int kind, struct FTW *where) {
    (void)path; (void)where;
    if (kind == FTW_F) used += info->st_size;
    return 0;
}

/* Nonzero with errno set if a write that makes the file end at `end` must fail. */
static int refused(int fd, uint64_t end) {
    if (!access(marker[1], F_OK)) { errno = EROFS; return 1; }
    struct stat64 info;
    if (capacity < 0 || fstat64(fd, &info) || end <= (uint64_t)info.st_size) return 0;
    pthread_mutex_lock(&counting);
    used = 0;
    nftw64(root, add_size, 8, FTW_PHYS);
    int full = used + (long long)end - info.st_size > capacity;
    pthread_mutex_unlock(&counting);
    errno = full ? ENOSPC : 0;
    return full;
}

static int noted_write(int fd, const void *data, size_t bytes, uint64_t offset) {
    char path[PATH_MAX];
    if (!known(fd, path)) return 0;
    if (refused(fd, offset + bytes)) return -1;
    note(WRITE, fd, path, offset, data, bytes);
    return 0;
}

static uint64_t position(int fd) {
    if (fcntl(fd, F_GETFL) & O_APPEND) return lseek64(fd, 0, SEEK_END);
    off64_t at = lseek64(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    REAL("write", ssize_t, int, const void *, size_t);
    char path[PATH_MAX];
    if (known(fd, path) && noted_write(fd, data, bytes, position(fd))) return -1;
    return real(fd, data, bytes);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    return noted_write(fd, data, bytes, offset) ? -1 : real(fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return pwrite64(fd, data, bytes, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    char path[PATH_MAX];
    if (!known(fd, path)) return real(fd, parts, count);
    ssize_t done = 0;
    for (int part = 0; part < count; part++) {
        ssize_t now = write(fd, parts[part].iov_base, parts[part].iov_len);
        if (now < 0) return done ? done : -1;
        done += now;
    }
    return done;
}

static int noted_truncate(int fd, off64_t size) {
    char path[PATH_MAX];
    if (!known(fd, path)) return 0;
    if (refused(fd, size)) return -1;
    note(TRUNCATE, fd, path, size, NULL, 0);
    return 0;
}

int ftruncate64(int fd, off64_t size) {
    REAL("ftruncate64", int, int, off64_t);
    return noted_truncate(fd, size) ? -1 : real(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off64_t offset, off64_t bytes) {
    REAL("posix_fallocate64", int, int, off64_t, off64_t);
    return noted_truncate(fd, offset + bytes) ? errno : real(fd, offset, bytes);
}

int posix_fallocate(int fd, off_t offset, off_t bytes) { return posix_fallocate64(fd, offset, bytes); }

static int synced(int fd, int (*sync)(int)) {
    char path[PATH_MAX];
    if (!known(fd, path)) return sync(fd);
    int failing = !access(marker[1], F_OK) ? EROFS : !unlink(marker[0]) ? EIO : 0;
    if (failing) {
        note(FORGET, fd, path, 0, NULL, 0);
        errno = failing;
        return -1;
    }
    int done = sync(fd);
    if (!done) note(SYNC, fd, path, 0, NULL, 0);
    return done;
}

int fsync(int fd) {
    REAL("fsync", int, int);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL("fdatasync", int, int);
    return synced(fd, real);
}

static int opened(int at, const char *given, int flags, mode_t mode) {
    REAL("openat64", int, int, const char *, int, ...);
    char path[PATH_MAX];
    int writes = flags & (O_CREAT | O_TRUNC) && resolved(at, given, path);
    int existed = writes && !access(path, F_OK);
    if (writes && !access(marker[1], F_OK)) { errno = EROFS; return -1; }
    int fd = real(at, given, flags, mode);
    if (fd >= 0 && writes && !existed) note(CREATE, fd, path, 0, NULL, 0);
    if (fd >= 0 && writes && existed && flags & O_TRUNC) note(TRUNCATE, fd, path, 0, NULL, 0);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    REAL("renameat", int, int, const char *, int, const char *);
    char old[PATH_MAX], new[PATH_MAX];
    int noted = resolved(from_at, from, old) && resolved(to_at, to, new);
    int done = real(from_at, from, to_at, to);
    if (!done && noted) note(RENAME, -1, old, 0, new, strlen(new));
    return done;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int at, const char *given, int flags) {
    REAL("unlinkat", int, int, const char *, int);
    char path[PATH_MAX];
    int noted = resolved(at, given, path);
    int done = real(at, given, flags);
    if (!done && noted) note(flags & AT_REMOVEDIR ? REMOVE_FOLDER : UNLINK, -1, path, 0, NULL, 0);
    return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *given, mode_t mode) {
    REAL("mkdirat", int, int, const char *, mode_t);
    char path[PATH_MAX];
    int noted = resolved(at, given, path);
    int done = real(at, given, mode);
    if (!done && noted) note(MAKE_FOLDER, -1, path, 0, NULL, 0);
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
