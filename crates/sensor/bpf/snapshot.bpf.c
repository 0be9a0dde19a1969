// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// The processes that run now, with the exact start time that /proc rounds to clock ticks. It has an object
// of its own because it is loaded at every start, also when the recording programs are still at work.
#include "process.h"

char LICENSE[] SEC("license") = "GPL";

SEC("iter/task")
int running(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct running_record record = {};

	if (!task)
		return 0;
	if (task->pid != task->tgid || (task->flags & PF_KTHREAD))
		return 0;
	record.pid = task->tgid;
	record.start_ns = task->start_boottime;
	record.flags = read_ids(&record.ids, task);
	bpf_seq_write(seq, &record, sizeof(record));
	return 0;
}
