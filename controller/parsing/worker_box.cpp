// SPDX-License-Identifier: Apache-2.0
// Parsing needs memory, the clock, and the one socket that is already open: nothing else is left.
#include "controller/parsing/worker_box.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <grp.h>
#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BAILIFF_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BAILIFF_SANITIZED 1
#endif
#endif

namespace bailiff {
namespace {

#ifdef BAILIFF_SANITIZED
constexpr bool sanitized = true;   // sanitizers reserve terabytes of address space and need a few calls more
#else
constexpr bool sanitized = false;
#endif

constexpr unsigned nobody = 65534;
constexpr rlim_t most_memory = 1u << 30;

Result<void> not_shut(const char* what) {
    return fail(Errc::unavailable, std::string("the box for reading reports cannot be shut: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Result<void> shut_worker_box() {
    struct Limit {
        __rlimit_resource resource;
        rlim_t value;
    };
    // No limit on processes: it counts all of the user's. The filter forbids them anyhow.
    const Limit limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, 3}, {RLIMIT_AS, sanitized ? RLIM_INFINITY : most_memory}};
    for (const Limit& limit : limits) {
        const rlimit wanted{limit.value, limit.value};
        if (setrlimit(limit.resource, &wanted) != 0) return not_shut("setrlimit");
    }
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(nobody, nobody, nobody) != 0 || setresuid(nobody, nobody, nobody) != 0))
        return not_shut("becoming an unprivileged user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return not_shut("no_new_privs");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // The change of user has cleared it.
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Harmless strays answer EPERM, so that a library's idle question does not end a report; what an exploit reaches for kills.
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
    if (!filter) return not_shut("seccomp");
    static constexpr int allowed[] = {
        SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(lseek),
        SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(getpid),
        SCMP_SYS(gettid), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
        SCMP_SYS(set_robust_list), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group)};
    static constexpr int fatal[] = {
        SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(bpf), SCMP_SYS(io_uring_setup), SCMP_SYS(userfaultfd),
        SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(mount), SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(perf_event_open),
        SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(pidfd_getfd), SCMP_SYS(fork), SCMP_SYS(vfork)};
    int status = 0;
    for (const int call : allowed) status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    for (const int call : fatal) status |= seccomp_rule_add(filter.get(), SCMP_ACT_KILL_PROCESS, call, 0);
    // Memory that is both written and run is what an exploit needs next.
    const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    for (const int call : {SCMP_SYS(mprotect), SCMP_SYS(mmap)}) status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, not_executable);
    if (sanitized)
        for (const int call : {SCMP_SYS(getppid), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(newfstatat), SCMP_SYS(sched_getaffinity), SCMP_SYS(prlimit64)})
            seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    if (status != 0 || seccomp_load(filter.get()) != 0) return not_shut("seccomp");
    return {};
}

}  // namespace bailiff
