// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary's questions to the kernel's headers. The build compiles this file once for each
 * kernel (probe.sh), and never runs it. It is full of errors on every one.
 *
 * A question is a file of its own to the compiler (#line), so each error says which question has the
 * answer no. Its name becomes a macro of <ktcp_probes.h> where the answer is yes. A question that
 * begins with "needs" is not for a macro. Where its answer is no, the build stops, and says the rest
 * of its line. Ask by the very use that the boundary makes, with its arguments. A word in a header
 * says neither what a function takes nor what it means. EXPORTED() asks for a symbol of Module.symvers, and
 * OPTION() whether .config knows an option, on or off. Ask for a function in one question alone: the compiler
 * misses it once, and knows it from then on.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/local_lock.h>
#include <linux/memcontrol.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/pipe_fs_i.h>
#include <linux/proc_fs.h>
#include <linux/sched/isolation.h>
#include <linux/sched/mm.h>
#include <linux/security.h>
#include <linux/splice.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/inet6_hashtables.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#define ASK                                                                                  \
	static void __maybe_unused __UNIQUE_ID(ktcp_ask)(struct net * net, struct sock * sk, \
							 struct file * file)

#define EXPORTED(name) ((void)ktcp_exported_##name)
#define OPTION(name) ((void)ktcp_option_##name)

/* clang-format off */

/* Is the compiler's no heard? And its yes? */
#line 1 "KTCP_HAVE_NOTHING"
ASK { ktcp_nobody_has_this(); }
#line 1 "KTCP_HAVE_ANYTHING"
ASK { }

/* ---- sockets */

/* Is there one call that gives a kernel socket its namespace's reference? */
#line 1 "KTCP_HAVE_SK_NET_REFCNT_UPGRADE"
ASK { sk_net_refcnt_upgrade(sk); }

/* Does a socket without that reference have a tracker that must be freed before it takes one? */
#line 1 "KTCP_HAVE_NOTREFCNT_TRACKER"
ASK { __netns_tracker_free(net, &sk->ns_tracker, false); }

/* Are the namespace's references tracked, and its sockets counted by a call? */
#line 1 "KTCP_HAVE_GET_NET_TRACK"
ASK { get_net_track(net, &sk->ns_tracker, GFP_KERNEL); sock_inuse_add(net, 1); }

/* Does a socket say whether it may use the running task's page fragment? */
#line 1 "KTCP_HAVE_SK_USE_TASK_FRAG"
ASK { sk->sk_use_task_frag = false; }

/* Do pages go by kernel_sendpage_locked()? MSG_SPLICE_PAGES says nothing: 6.1 defines it, and its TCP
 * ignores it. */
#line 1 "KTCP_HAVE_KERNEL_SENDPAGE"
ASK { kernel_sendpage_locked(sk, NULL, 0, 0, MSG_SENDPAGE_NOTLAST); }

/* May received bytes be copied first, and taken off the queue behind that? */
#line 1 "KTCP_HAVE_TCP_READ_DONE"
ASK { EXPORTED(tcp_read_done); tcp_read_done(sk, 0); }

/* Is sk_user_data set with flags by a macro, or by hand? */
#line 1 "KTCP_HAVE_SK_USER_DATA_FLAGS"
ASK { __rcu_assign_sk_user_data_with_flags(sk, sk, SK_USER_DATA_NOCOPY); }

/* Is the device that a socket receives from in struct sock, or in struct inet_sock? */
#line 1 "KTCP_HAVE_SK_RX_DST_IFINDEX"
ASK { sk->sk_rx_dst_ifindex = 0; }

/* Does the namespace point to what it has of TIME-WAIT and of tables? It does from 5.18 to 6.0. */
#line 1 "KTCP_HAVE_DEATH_ROW_POINTER"
ASK { (void)net->ipv4.tcp_death_row->hashinfo; }

/* Do the look-ups take a table? */
#line 1 "KTCP_HAVE_LOOKUP_HASHINFO"
ASK { __inet_lookup_established(net, (struct inet_hashinfo *)NULL, 0, 0, 0, 0, 0, 0); }

/* May a module end TIME-WAIT? A kernel whose tcp_abort() does not is old enough to let it. */
#line 1 "KTCP_HAVE_TWSK_DESCHEDULE_PUT"
ASK { EXPORTED(inet_twsk_deschedule_put); inet_twsk_deschedule_put((struct inet_timewait_sock *)NULL); }

/* Do the chains of lhash2 go by a node of their own? They did before 5.19. A walk by struct sock's node
 * compiles there as well, and reads memory that is none of a socket's. */
#line 1 "KTCP_HAVE_LISTEN_PORTADDR_NODE"
ASK { inet_csk(sk)->icsk_listen_portaddr_node.next = NULL; }

/* ---- files */

/* Is vfs_path_lookup() declared for modules? It is exported on all. */
#line 1 "KTCP_HAVE_VFS_PATH_LOOKUP"
ASK { vfs_path_lookup((struct dentry *)NULL, (struct vfsmount *)NULL, "", 0, (struct path *)NULL); }

/* Does the look-up of one name take its text and its length? */
#line 1 "KTCP_HAVE_LOOKUP_POSITIVE_UNLOCKED"
ASK { lookup_positive_unlocked("", (struct dentry *)NULL, 0); }

/* May a mount map users to others? And is there a call that asks for a right through it? */
#line 1 "KTCP_HAVE_IDMAPPED_MOUNTS"
ASK { is_idmapped_mnt((struct vfsmount *)NULL); path_permission((struct path *)NULL, MAY_READ); }

/* May a module ask a file for pages, and are the checks in that call? */
#line 1 "KTCP_HAVE_VFS_SPLICE_READ"
ASK { vfs_splice_read(file, (loff_t *)NULL, (struct pipe_inode_info *)NULL, 0, 0); }

/* If not: are the checks a call for modules? */
#line 1 "KTCP_HAVE_RW_VERIFY_AREA"
ASK { rw_verify_area(READ, file, (loff_t *)NULL, 0); }

/* Does the integrity measurement come by a hook of the security modules? */
#line 1 "KTCP_HAVE_SECURITY_FILE_POST_OPEN"
ASK { security_file_post_open(file, MAY_READ | MAY_OPEN); }

/* Does the receiver of a folder's names say true for more, or 0? */
#line 1 "KTCP_HAVE_FILLDIR_BOOL"
static bool ktcp_ask_filldir(struct dir_context *context, const char *name, int length, loff_t at, u64 inode, unsigned int type);
ASK { filldir_t actor = ktcp_ask_filldir; (void)actor; }

/* What is the call for the data of a file in /proc? */
#line 1 "KTCP_HAVE_PDE_DATA"
ASK { pde_data(file_inode(file)); }

/* ---- memory, work, turns, pages */

/* May a module say in an interrupt which cgroup is charged? set_active_memcg() is inline. */
#line 1 "KTCP_HAVE_INT_ACTIVE_MEMCG"
ASK { EXPORTED(int_active_memcg); set_active_memcg((struct mem_cgroup *)NULL); }

/* Does the kernel say how much an allocation takes? Before 6.1 its smallest size is known to the compiler. */
#line 1 "KTCP_HAVE_KMALLOC_SIZE_ROUNDUP"
ASK { EXPORTED(kmalloc_size_roundup); (void)kmalloc_size_roundup(1); }

/* Is an exact timer given its function when it is set up? */
#line 1 "KTCP_HAVE_HRTIMER_SETUP"
static enum hrtimer_restart ktcp_ask_timer(struct hrtimer *timer);
ASK { hrtimer_setup((struct hrtimer *)NULL, ktcp_ask_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT); }

/* Does a workqueue have to say that it is per CPU? */
#line 1 "KTCP_HAVE_WQ_PERCPU"
ASK { alloc_workqueue("%s", WQ_PERCPU, 0, ""); }

/*
 * May PREEMPT_RT go without the lock that keeps a CPU's bottom halves apart? The lock was always there until
 * its option came. No header has changed with it. A kernel that is older than the option may have taken it
 * back. A newer one without the option has no lock, either.
 */
#line 1 "KTCP_HAVE_BH_WITHOUT_LOCK"
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
ASK { OPTION(PREEMPT_RT_NEEDS_BH_LOCK); }
#endif

/* What are the CPUs called that nobody isolated? */
#line 1 "KTCP_HAVE_HK_TYPE_DOMAIN"
ASK { housekeeping_cpumask(HK_TYPE_DOMAIN); }

/* Is there an allocation for a device that is nowhere registered? */
#line 1 "KTCP_HAVE_ALLOC_NETDEV_DUMMY"
ASK { alloc_netdev_dummy(0); }

/* Is a NAPI poll added without a weight? */
#line 1 "KTCP_HAVE_NAPI_ADD_WITHOUT_WEIGHT"
static int ktcp_ask_poll(struct napi_struct *napi, int budget);
ASK { netif_napi_add((struct net_device *)NULL, (struct napi_struct *)NULL, ktcp_ask_poll); }

/* Is there a lock for what bottom halves alone keep apart, where PREEMPT_RT is off? */
#line 1 "KTCP_HAVE_LOCAL_LOCK_NESTED_BH"
ASK { local_lock_nested_bh(&((struct { local_lock_t lock; } __percpu *)NULL)->lock); }

/* ---- what there is no other way for */

#line 1 "needs sockets' options from kernel memory (sockptr_t, 5.9)"
ASK { sock_setsockopt((struct socket *)NULL, 0, 0, KERNEL_SOCKPTR(NULL), 0); tcp_sock_set_nodelay(sk); }

#line 1 "needs the table of listeners by address (lhash2, 4.19)"
ASK { struct inet_hashinfo *table = NULL; table->lhash2[table->lhash2_mask].nulls_head.first = NULL; }

#line 1 "needs cgroups that a task may charge for others (active_memcg, 4.19)"
#ifdef CONFIG_MEMCG
ASK { (void)current->active_memcg; }
#endif

#line 1 "needs files in /proc with a read_iter (5.10)"
ASK { (void)((struct proc_ops *)NULL)->proc_read_iter; }

#line 1 "needs look-ups that stay below a folder (LOOKUP_BENEATH, 5.6)"
ASK { (void)(LOOKUP_BENEATH | LOOKUP_NO_MAGICLINKS | LOOKUP_NO_SYMLINKS); }

#line 1 "needs pipes with head and tail (5.5)"
ASK { (void)((struct pipe_inode_info *)NULL)->max_usage; }
