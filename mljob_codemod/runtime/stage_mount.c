/* A preloaded library that makes ordinary folders refuse what a Snowflake stage mount refuses.
 *
 * Below the folders in MLJOB_STAGE_MOUNTS (absolute real paths, separated by colons) these fail
 * with EOPNOTSUPP: opening with O_APPEND, writing anywhere but at the end of the file, ftruncate
 * and truncate, and shared writable mmap. Opening with O_RDWR or O_TRUNC is allowed.
 * Each refusal adds a line "manner<tab>path" to the file in MLJOB_STAGE_REFUSALS, if that is set.
 *
 * Known gap: C code that moves a stdio stream back and then writes through fputs, fprintf or putc
 * is not seen, because glibc writes those without going through a replaceable symbol; fwrite is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char mounts[8 * PATH_MAX];
static char refusals[PATH_MAX];
static __thread char examined[PATH_MAX + NAME_MAX + 2]; /* the path that was last found to be below a mount */

/* Also called directly in a forked child, whose constructors do not run again. */
void stage_mounts_set(const char *paths) { snprintf(mounts, sizeof mounts, "%s", paths); }

__attribute__((constructor)) static void read_environment(void) {
    const char *paths = getenv("MLJOB_STAGE_MOUNTS");
    const char *file = getenv("MLJOB_STAGE_REFUSALS");
    if (paths) stage_mounts_set(paths);
    if (file) snprintf(refusals, sizeof refusals, "%s", file);
}

static int is_below(const char *path) {
    for (const char *mount = mounts; *mount;) {
        size_t length = strcspn(mount, ":");
        if (length && !strncmp(path, mount, length) && (path[length] == '/' || !path[length]))
            return 1;
        mount += length + (mount[length] == ':');
    }
    return 0;
}

static int refuse(const char *manner) {
    if (refusals[0]) {
        char line[sizeof examined + 32];
        int length = snprintf(line, sizeof line, "%s\t%s\n", manner, examined);
        int fd = syscall(SYS_openat, AT_FDCWD, refusals, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                         0600);
        if (fd >= 0) {
            syscall(SYS_write, fd, line, length);
            syscall(SYS_close, fd);
        }
    }
    errno = EOPNOTSUPP;
    return -1;
}

/* Whether a path, which need not exist yet, lies below a mount once links are followed. */
static int names_mount(int dirfd, const char *path) {
    char full[PATH_MAX + 64], real[PATH_MAX];
    int saved = errno, below = 0;
    if (!mounts[0] || !path) return 0;
    if (path[0] == '/' || dirfd == AT_FDCWD)
        snprintf(full, sizeof full, "%s%s", strchr(path, '/') ? "" : "./", path);
    else
        snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dirfd, path);
    if (realpath(full, real)) {
        below = is_below(real);
        snprintf(examined, sizeof examined, "%s", real);
    } else {
        char *slash = strrchr(full, '/');
        char name[NAME_MAX + 1];
        snprintf(name, sizeof name, "%s", slash + 1);
        slash[slash == full] = '\0';
        below = realpath(full, real) && is_below(real);
        snprintf(examined, sizeof examined, "%s/%s", real, name);
    }
    errno = saved;
    return below;
}

/* Whether a descriptor is a regular file below a mount; fills in its status. */
static int on_mount(int fd, struct stat *status) {
    char link[64], real[PATH_MAX];
    int saved = errno, below = 0;
    if (mounts[0] && fd >= 0 && !fstat(fd, status) && S_ISREG(status->st_mode)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, real, sizeof real - 1);
        if (length > 0) {
            real[length] = '\0';
            below = is_below(real);
            memcpy(examined, real, length + 1);
        }
    }
    errno = saved;
    return below;
}

/* Writes at the current position when offset is -1. */
static int writes_inside(int fd, off_t offset) {
    struct stat status;
    if (!on_mount(fd, &status)) return 0;
    if (offset == -1) offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    return offset != status.st_size;
}

/* ---- opening ---- */

static int open_unless_appending(int dirfd, const char *path, int flags, mode_t mode) {
    if ((flags & O_APPEND) && (flags & O_ACCMODE) != O_RDONLY && names_mount(dirfd, path))
        return refuse("append");
    return syscall(SYS_openat, dirfd, path, flags, mode);
}

#define READ_MODE(flags, mode)                                     \
    mode_t mode = 0;                                               \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {   \
        va_list arguments;                                         \
        va_start(arguments, flags);                                \
        mode = va_arg(arguments, mode_t);                          \
        va_end(arguments);                                         \
    }

int open(const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return open_unless_appending(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return open_unless_appending(AT_FDCWD, path, flags, mode);
}
int openat(int dirfd, const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return open_unless_appending(dirfd, path, flags, mode);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return open_unless_appending(dirfd, path, flags, mode);
}
/* What _FORTIFY_SOURCE compiles the calls above to. */
int __open_2(const char *path, int flags) {
    return open_unless_appending(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) {
    return open_unless_appending(AT_FDCWD, path, flags, 0);
}
int __openat_2(int dirfd, const char *path, int flags) {
    return open_unless_appending(dirfd, path, flags, 0);
}
int __openat64_2(int dirfd, const char *path, int flags) {
    return open_unless_appending(dirfd, path, flags, 0);
}

/* C++ streams open through these. */
#define FOPEN(name)                                                \
    FILE *name(const char *path, const char *mode) {               \
        static FILE *(*next)(const char *, const char *);          \
        if (!next) next = dlsym(RTLD_NEXT, #name);                 \
        if (mode[0] == 'a' && names_mount(AT_FDCWD, path)) {       \
            refuse("append");                                      \
            return NULL;                                           \
        }                                                          \
        return next(path, mode);                                   \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define FREOPEN(name)                                                      \
    FILE *name(const char *path, const char *mode, FILE *stream) {         \
        static FILE *(*next)(const char *, const char *, FILE *);          \
        if (!next) next = dlsym(RTLD_NEXT, #name);                         \
        if (mode[0] == 'a' && names_mount(AT_FDCWD, path)) {               \
            refuse("append");                                              \
            return NULL;                                                   \
        }                                                                  \
        return next(path, mode, stream);                                   \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

/* ---- writing ---- */

ssize_t write(int fd, const void *data, size_t size) {
    if (size && writes_inside(fd, -1)) return refuse("overwrite");
    return syscall(SYS_write, fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    if (size && writes_inside(fd, offset)) return refuse("overwrite");
    return syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return pwrite(fd, data, size, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (writes_inside(fd, -1)) return refuse("overwrite");
    return syscall(SYS_writev, fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (writes_inside(fd, offset)) return refuse("overwrite");
    return syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    static size_t (*next)(const void *, size_t, size_t, FILE *);
    struct stat status;
    if (!next) next = dlsym(RTLD_NEXT, "fwrite");
    if (mounts[0] && size && count && on_mount(fileno(stream), &status)) {
        fflush(stream); /* so that the descriptor stands where the stream stands */
        if (writes_inside(fileno(stream), -1)) {
            refuse("overwrite");
            return 0;
        }
    }
    return next(data, size, count, stream);
}

/* ---- resizing and mapping ---- */

int ftruncate(int fd, off_t length) {
    struct stat status;
    if (on_mount(fd, &status)) return refuse("truncate");
    return syscall(SYS_ftruncate, fd, length);
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int truncate(const char *path, off_t length) {
    if (names_mount(AT_FDCWD, path)) return refuse("truncate");
    return syscall(SYS_truncate, path, length);
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    struct stat status;
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && !(flags & MAP_ANONYMOUS) &&
        on_mount(fd, &status)) {
        refuse("map");
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}
