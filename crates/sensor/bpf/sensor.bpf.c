// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Records exec, fork, exit, connect and accept. Only BTF tracepoints are used: they load on kernels that
// forbid kprobes and fentry, and they see what the kernel has already copied, so nothing can be swapped
// under them (the exception is the address of a connect that failed, which only user memory still holds).
//
// Every event of a class is counted once as seen and once as what became of it:
// seen = filtered + submitted + ring_full + oversize.
#include "process.h"

char LICENSE[] SEC("license") = "GPL";

enum class { CLASS_PROCESS, CLASS_NETWORK, CLASSES };
enum program { PROGRAM_EXEC, PROGRAM_FORK, PROGRAM_EXIT, PROGRAM_SYSCALL, PROGRAMS };

struct class_counters {
	__u64 seen;
	__u64 filtered;
	__u64 submitted;
	__u64 ring_full;
	__u64 oversize;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 33554432);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct class_counters);
} counters SEC(".maps");

// How often each program ran at all: proof that a link that was found pinned is alive.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PROGRAMS);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

// What the agent knows at the last release; the kernel only keeps it across the agent's lives.
struct progress_words {
	__u64 words[24];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct progress_words);
} progress SEC(".maps");

#define TAIL_BYTES (2 * PATH_BYTES_MAX + ARGUMENTS_BYTES_MAX)

struct exec_scratch {
	struct exec_record record;
	char tail[TAIL_BYTES];
};

// One element per processor: a per-CPU array may hold only 32 KiB. Tracepoint programs do not move to
// another processor, and one program does not run twice at once on a processor.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} scratch SEC(".maps");

// The kernel's own view of the compiler's habit to test one register and use another: the clamp happens
// in the register that is used.
#define CLAMP(value, max) \
	asm volatile("if %[v] <= %[m] goto +1\n\t%[v] = %[m]" : [v] "+r"(value) : [m] "i"(max))

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline void count_run(__u32 program)
{
	__u64 *ran = bpf_map_lookup_elem(&runs, &program);
	if (ran)
		count(ran);
}

static __always_inline struct class_counters *counters_of(__u32 class)
{
	return bpf_map_lookup_elem(&counters, &class);
}

static __always_inline void read_head(struct record_head *head, struct task_struct *task, __u16 type)
{
	head->type = type;
	head->flags = 0;
	head->pid = BPF_CORE_READ(task, tgid);
	head->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	head->seen_ns = bpf_ktime_get_boot_ns();
}

#define COMPONENTS_MAX 128
#define WALK_TRUNCATED 1
#define WALK_DETACHED 2

// Appends the components of a path to the tail, leaf first, and counts their bytes in `*bytes`. The cursor
// lives in the map and is clamped at each turn: so the verifier sees the same state at each turn.
static __noinline int walk(struct exec_scratch *s, __u32 *bytes, __u64 begin, struct dentry *dentry,
			   struct vfsmount *vfsmount)
{
	__u64 to_mount = bpf_core_field_offset(struct mount, mnt);
	__u64 mount = (__u64)vfsmount - to_mount;

	for (int i = 0; i < COMPONENTS_MAX; i++) {
		struct dentry *root = BPF_CORE_READ((struct mount *)mount, mnt.mnt_root);
		struct dentry *parent;
		__u64 at = *(volatile __u32 *)bytes;
		long copied;

		if (dentry == root) {
			__u64 above = (__u64)BPF_CORE_READ((struct mount *)mount, mnt_parent);
			if (above == mount)
				return 0;
			dentry = BPF_CORE_READ((struct mount *)mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		if (at > PATH_BYTES_MAX - NAME_BYTES_MAX)
			return WALK_TRUNCATED;
		CLAMP(at, PATH_BYTES_MAX - NAME_BYTES_MAX);
		CLAMP(begin, PATH_BYTES_MAX);
		copied = bpf_probe_read_kernel_str(&s->tail[begin + at], NAME_BYTES_MAX,
						   BPF_CORE_READ(dentry, d_name.name));
		if (copied <= 0)
			return WALK_TRUNCATED;
		*(volatile __u32 *)bytes = at + copied;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry)
			return WALK_DETACHED;
		dentry = parent;
	}
	return WALK_TRUNCATED;
}

static __always_inline void read_image(struct exec_scratch *s, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	int how = walk(s, &s->record.path_bytes, 0, dentry, BPF_CORE_READ(file, f_path.mnt));

	if (how == WALK_TRUNCATED)
		s->record.head.flags |= FLAG_IMAGE_TRUNCATED;
	if (how == WALK_DETACHED)
		s->record.head.flags |= FLAG_IMAGE_DETACHED;
	if (BPF_CORE_READ(file, f_inode, i_nlink) == 0)
		s->record.head.flags |= FLAG_IMAGE_DELETED;
}

static __always_inline void read_cwd(struct exec_scratch *s, struct task_struct *task)
{
	struct dentry *dentry = BPF_CORE_READ(task, fs, pwd.dentry);
	__u64 begin = *(volatile __u32 *)&s->record.path_bytes;
	int how = walk(s, &s->record.cwd_bytes, begin, dentry, BPF_CORE_READ(task, fs, pwd.mnt));

	if (how == WALK_TRUNCATED)
		s->record.head.flags |= FLAG_CWD_TRUNCATED;
	if (how == WALK_DETACHED)
		s->record.head.flags |= FLAG_CWD_DETACHED;
}

static __always_inline void read_arguments(struct exec_scratch *s, struct mm_struct *mm)
{
	unsigned long from = BPF_CORE_READ(mm, arg_start);
	__u64 bytes = BPF_CORE_READ(mm, arg_end) - from;
	__u64 path_bytes = *(volatile __u32 *)&s->record.path_bytes;
	__u64 cwd_bytes = *(volatile __u32 *)&s->record.cwd_bytes;

	s->record.arguments_bytes = bytes;
	CLAMP(bytes, ARGUMENTS_BYTES_MAX);
	CLAMP(path_bytes, PATH_BYTES_MAX);
	CLAMP(cwd_bytes, PATH_BYTES_MAX);
	if (bpf_probe_read_user(&s->tail[path_bytes + cwd_bytes], bytes, (void *)from)) {
		s->record.head.flags |= FLAG_ARGUMENTS_UNREADABLE;
		s->record.arguments_copied = 0;
		return;
	}
	s->record.arguments_copied = bytes;
}

SEC("tp_btf/sched_process_exec")
int on_exec(unsigned long long *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[2];
	struct class_counters *c = counters_of(CLASS_PROCESS);
	__u32 cpu = bpf_get_smp_processor_id();
	struct exec_scratch *s;
	struct file *file;
	__u64 bytes;

	count_run(PROGRAM_EXEC);
	if (!c)
		return 0;
	count(&c->seen);
	s = bpf_map_lookup_elem(&scratch, &cpu);
	if (!s) {
		count(&c->oversize);
		return 0;
	}
	read_head(&s->record.head, task, RECORD_EXEC);
	s->record.head.flags |= read_ids(&s->record.ids, task);
	s->record.path_bytes = 0;
	s->record.cwd_bytes = 0;
	s->record.unused = 0;
	// mm->exe_file is what runs; for a script that is its interpreter.
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		file = BPF_CORE_READ(bprm, file);
	read_image(s, file);
	read_cwd(s, task);
	read_arguments(s, BPF_CORE_READ(task, mm));
	bytes = sizeof(s->record);
	bytes += *(volatile __u32 *)&s->record.path_bytes;
	bytes += *(volatile __u32 *)&s->record.cwd_bytes;
	bytes += *(volatile __u32 *)&s->record.arguments_copied;
	CLAMP(bytes, sizeof(*s));
	if (bpf_ringbuf_output(&ring, s, bytes, 0))
		count(&c->ring_full);
	else
		count(&c->submitted);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int on_fork(unsigned long long *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx[1];
	struct class_counters *c = counters_of(CLASS_PROCESS);
	struct fork_record *record;

	count_run(PROGRAM_FORK);
	if (child->pid != child->tgid || !c)
		return 0;
	count(&c->seen);
	if (child->flags & PF_KTHREAD) {
		count(&c->filtered);
		return 0;
	}
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count(&c->ring_full);
		return 0;
	}
	read_head(&record->head, child, RECORD_FORK);
	record->head.flags = read_ids(&record->ids, child);
	bpf_ringbuf_submit(record, 0);
	count(&c->submitted);
	return 0;
}

static __always_inline int process_ended(struct task_struct *task)
{
	struct class_counters *c = counters_of(CLASS_PROCESS);
	struct exit_record *record;

	if (!c)
		return 0;
	count(&c->seen);
	if (task->flags & PF_KTHREAD) {
		count(&c->filtered);
		return 0;
	}
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count(&c->ring_full);
		return 0;
	}
	read_head(&record->head, task, RECORD_EXIT);
	record->head.flags = read_ids(&record->ids, task);
	// As wait() reports it: the group's code when the group was ended, otherwise the leader's.
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		record->exit_code = BPF_CORE_READ(task, signal, group_exit_code);
	else
		record->exit_code = BPF_CORE_READ(task, group_leader, exit_code);
	record->unused = 0;
	bpf_ringbuf_submit(record, 0);
	count(&c->submitted);
	return 0;
}

// Linux 6.16 and later say whether the whole group is dead; loaded first.
SEC("tp_btf/sched_process_exit")
int on_exit_group(unsigned long long *ctx)
{
	count_run(PROGRAM_EXIT);
	return (__u8)ctx[1] ? process_ended((struct task_struct *)ctx[0]) : 0;
}

// Earlier kernels: nobody of the group is alive. Two threads that end at once may both see that; the
// reader drops the second record of one process.
SEC("tp_btf/sched_process_exit")
int on_exit_live(unsigned long long *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];

	count_run(PROGRAM_EXIT);
	return BPF_CORE_READ(task, signal, live.counter) == 0 ? process_ended(task) : 0;
}

#if defined(__TARGET_ARCH_x86)
#define SYS_CONNECT 42
#define SYS_ACCEPT 43
#define SYS_ACCEPT4 288
#define TS_COMPAT 2
#else
#define SYS_CONNECT 203
#define SYS_ACCEPT 202
#define SYS_ACCEPT4 242
#endif

#define EALREADY 114
#define EISCONN 106

static __always_inline struct sock *socket_of(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots;
	struct file *file = 0;
	struct socket *socket;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	slots = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]) || !file)
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline void read_addresses(struct connect_record *record, struct sock *sk)
{
	record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	record->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (record->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)record->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)record->remote, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)record->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)record->remote, sk, __sk_common.skc_v6_daddr);
	}
}

// A socket whose connect failed has forgotten the other side; the caller's memory still knows it.
static __always_inline void read_wanted_address(struct connect_record *record, const void *user)
{
	struct {
		__u16 family;
		__be16 port;
		__u8 rest[24];
	} address = {};

	if (bpf_probe_read_user(&address, 16, user))
		return;
	if (address.family == AF_INET) {
		record->remote_port = __builtin_bswap16(address.port);
		__builtin_memset(record->remote, 0, 16);
		__builtin_memcpy(record->remote, &address.rest[0], 4);
		if (record->family == AF_INET6)
			record->family = AF_INET;
	} else if (address.family == AF_INET6) {
		if (bpf_probe_read_user(&address, 28, user))
			return;
		record->remote_port = __builtin_bswap16(address.port);
		__builtin_memcpy(record->remote, &address.rest[4], 16);
	}
}

static __noinline int connection(__u16 type, __u32 fd, const void *wanted, long result)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct class_counters *c = counters_of(CLASS_NETWORK);
	struct connect_record *record;
	struct sock *sk = socket_of(task, fd);
	__u16 family;

	if (!sk || !c)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	count(&c->seen);
	// Asking again after a connect that is under way is not another connection.
	if (result == -EALREADY || result == -EISCONN) {
		count(&c->filtered);
		return 0;
	}
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count(&c->ring_full);
		return 0;
	}
	read_head(&record->head, task, type);
	record->family = family;
	record->protocol = BPF_CORE_READ(sk, sk_protocol);
	record->result = result;
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	__builtin_memset(record->local, 0, 16);
	__builtin_memset(record->remote, 0, 16);
	read_addresses(record, sk);
	if (type == RECORD_CONNECT && record->remote_port == 0)
		read_wanted_address(record, wanted);
	// Port 0: a resolver asks which source address would be used, or a socket is disconnected.
	if (record->remote_port == 0) {
		bpf_ringbuf_discard(record, 0);
		count(&c->filtered);
		return 0;
	}
	bpf_ringbuf_submit(record, 0);
	count(&c->submitted);
	return 0;
}

SEC("tp_btf/sys_exit")
int on_sys_exit(unsigned long long *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	long result = (long)ctx[1];
#if defined(__TARGET_ARCH_x86)
	unsigned long number = regs->orig_ax;
#else
	unsigned long number = regs->syscallno;
#endif

	if (number != SYS_CONNECT && number != SYS_ACCEPT && number != SYS_ACCEPT4)
		return 0;
	count_run(PROGRAM_SYSCALL);
#if defined(__TARGET_ARCH_x86)
	// The numbers of 32-bit programs mean other calls.
	if (BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), thread_info.status) & TS_COMPAT)
		return 0;
#endif
	if (number == SYS_CONNECT) {
#if defined(__TARGET_ARCH_x86)
		return connection(RECORD_CONNECT, regs->di, (const void *)regs->si, result);
#else
		return connection(RECORD_CONNECT, regs->orig_x0, (const void *)regs->regs[1], result);
#endif
	}
	return result < 0 ? 0 : connection(RECORD_ACCEPT, result, 0, 0);
}
