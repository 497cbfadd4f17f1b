/* Faults in the system calls of a process, put between it and the C library by LD_PRELOAD.
 *
 * Counted are the calls that change a disk, and reads by themselves, on files of the store alone: those whose path has “workspaces” or “history.”
 * in it, or the name given to faults_watch, and the quarantine. The call of the number given to faults_arm meets the fault. With faults_shadow, a
 * directory keeps what a power loss would leave: each file as it was synced last, each name as the directory was.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NONE, ERROR, LASTING_ERROR, SHORT_WRITE, KILL, READ_ERROR = 6, LASTING_READ_ERROR };

static enum kind armed = NONE;
static long at, count, reads;
static int number;
static char watched[4096], shadow[4096];
static unsigned char is_ours[65536];
static char trace[1 << 20];
static size_t traced;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void faults_watch(const char *path) { snprintf(watched, sizeof watched, "%s", path); }
void faults_shadow(const char *path) { snprintf(shadow, sizeof shadow, "%s", path); }
void faults_arm(int kind, long call, int error) { armed = kind, at = call, number = error, count = 0, reads = 0, traced = 0; }
long faults_count(void) { return count; }
long faults_reads(void) { return reads; }
const char *faults_trace(void) { return trace; }

static int is_watched(const char *path) {
    if (!path) return 0;
    if (strstr(path, "workspaces") || strstr(path, "history.") || !strcmp(path, "quarantine")) return 1;
    return watched[0] && strstr(path, watched);
}

static int ours(int fd) { return fd >= 0 && fd < (int)sizeof is_ours && is_ours[fd]; }

/* Return 0 where the call goes on, 1 where it fails with errno set, 2 where it writes less than it should. */
static int meets(const char *name) {
    if (traced + 16 < sizeof trace) traced += snprintf(trace + traced, 16, "%s\n", name);
    count++;
    if (armed == NONE || armed >= READ_ERROR || count < at || (count > at && armed != LASTING_ERROR)) return 0;
    if (armed == KILL) kill(getpid(), SIGKILL);
    errno = number;
    return armed == SHORT_WRITE ? 2 : 1;
}

static void copy(int from, const char *to) {
    char data[65536];
    int fd = NEXT(open)(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t offset = 0;
    ssize_t got;
    while (fd >= 0 && (got = NEXT(pread)(from, data, sizeof data, offset)) > 0) {
        if (NEXT(write)(fd, data, got) != got) break;
        offset += got;
    }
    if (fd >= 0) NEXT(close)(fd);
}

/* Keep what a sync has made durable: the content of a file, or the names in a directory. */
static void keep(int fd) {
    struct stat status;
    char path[8192];
    if (!shadow[0] || fstat(fd, &status)) return;
    snprintf(path, sizeof path, "%s/%lu", shadow, (unsigned long)status.st_ino);
    if (!S_ISDIR(status.st_mode)) {
        char own[64];
        int reading;
        snprintf(own, sizeof own, "/proc/self/fd/%d", fd); /* `fd` may be open for writing alone */
        reading = NEXT(open)(own, O_RDONLY);
        if (reading >= 0) copy(reading, path), NEXT(close)(reading);
        return;
    }
    FILE *names = fopen(path, "w");
    DIR *directory = fdopendir(NEXT(openat)(fd, ".", O_RDONLY | O_DIRECTORY));
    struct dirent *entry;
    while (names && directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'w') fprintf(names, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    if (names) fclose(names);
    if (directory) closedir(directory);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < (int)sizeof is_ours) is_ours[fd] = is_watched(path);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE(flags) \
        if (is_watched(path) && meets("open")) return -1; \
        return opened(NEXT(name)(path, flags, mode), path); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int directory, const char *path, int flags, ...) { \
        MODE(flags) \
        if (is_watched(path) && meets("open")) return -1; \
        return opened(NEXT(name)(directory, path, flags, mode), path); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (fd >= 0 && fd < (int)sizeof is_ours) is_ours[fd] = 0;
    return NEXT(close)(fd);
}

#define PWRITE(name, type) \
    ssize_t name(int fd, const void *data, size_t size, type offset) { \
        int fault = ours(fd) ? meets("write") : 0; \
        if (fault == 1) return -1; \
        if (fault == 2 && size > 1) { \
            if (NEXT(name)(fd, data, size / 2, offset) < 0) return -1; \
            armed = ERROR, at = count + 1; /* the rest of it finds no room */ \
            return size / 2; \
        } \
        return NEXT(name)(fd, data, size, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    if (ours(fd) && meets("write")) return -1;
    return NEXT(write)(fd, data, size);
}

static int fails_to_read(int fd) {
    if (!ours(fd)) return 0;
    reads++;
    if (armed < READ_ERROR || reads < at || (reads > at && armed == READ_ERROR)) return 0;
    errno = number;
    return 1;
}

#define PREAD(name, type) \
    ssize_t name(int fd, void *data, size_t size, type offset) { \
        return fails_to_read(fd) ? -1 : NEXT(name)(fd, data, size, offset); \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t read(int fd, void *data, size_t size) {
    return fails_to_read(fd) ? -1 : NEXT(read)(fd, data, size);
}

#define SYNC(name) \
    int name(int fd) { \
        if (!ours(fd)) return NEXT(name)(fd); \
        if (meets("sync")) return -1; \
        keep(fd); /* nothing here outlives the machine, so the disk need not be waited for */ \
        return 0; \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, type) \
    int name(int fd, type size) { \
        if (ours(fd) && meets("truncate")) return -1; \
        return NEXT(name)(fd, size); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int unlink(const char *path) {
    if (is_watched(path) && meets("unlink")) return -1;
    return NEXT(unlink)(path);
}

int unlinkat(int directory, const char *path, int flags) {
    if (is_watched(path) && meets("unlink")) return -1;
    return NEXT(unlinkat)(directory, path, flags);
}

int rename(const char *from, const char *to) {
    if (is_watched(to) && meets("rename")) return -1;
    return NEXT(rename)(from, to);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    if (is_watched(to) && meets("rename")) return -1;
    return NEXT(renameat)(from_directory, from, to_directory, to);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    if (is_watched(to) && meets("rename")) return -1;
    return NEXT(renameat2)(from_directory, from, to_directory, to, flags);
}
