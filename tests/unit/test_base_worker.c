#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/worker.h"

struct task {
    struct job job;
    int number;
    sem_t *wait; /* run() waits for it */
    pthread_t ran_on, done_on;
    bool blocked;
};

static int order[1000];
static int done_count;
static struct worker *worker;

static void run(struct job *job)
{
    struct task *task = (struct task *)job;
    if (task->wait)
        sem_wait(task->wait);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    task->blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD) && sigismember(&mask, SIGINT);
    task->ran_on = pthread_self();
}

static void done(struct job *job)
{
    struct task *task = (struct task *)job;
    task->done_on = pthread_self();
    order[done_count++] = task->number;
}

static bool readable(int timeout)
{
    struct pollfd pollfd = {.fd = worker_fd(worker), .events = POLLIN};
    return poll(&pollfd, 1, timeout) == 1;
}

static int setup(void **state)
{
    (void)state;
    done_count = 0;
    return worker_new(&worker, NULL);
}

static void jobs_run_in_order_on_the_thread(void **state)
{
    (void)state;
    struct task tasks[1000] = {0};
    for (int i = 0; i < 1000; i++) {
        tasks[i] = (struct task){.job = {.run = run, .done = done}, .number = i};
        worker_submit(worker, &tasks[i].job);
        if (i % 100 == 0)
            worker_collect(worker);
    }
    while (done_count < 1000) {
        assert_true(readable(-1));
        worker_collect(worker);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(order[i], i);
        assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
        assert_true(pthread_equal(tasks[i].done_on, pthread_self()));
        assert_true(tasks[i].blocked);
    }
    assert_false(readable(0));
    worker_free(worker);
}

static void collecting_nothing_is_fine(void **state)
{
    (void)state;
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct task task = {.job = {.run = run, .done = done}, .wait = &gate};
    worker_collect(worker);
    worker_submit(worker, &task.job);
    worker_collect(worker);
    assert_int_equal(done_count, 0);
    assert_false(readable(0));
    sem_post(&gate);
    assert_true(readable(-1));
    worker_collect(worker);
    assert_int_equal(done_count, 1);
    worker_free(worker);
    sem_destroy(&gate);
}

static void free_runs_what_is_queued(void **state)
{
    (void)state;
    struct task tasks[10];
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){.job = {.run = run, .done = done}, .number = i};
        worker_submit(worker, &tasks[i].job);
    }
    worker_free(worker);
    assert_int_equal(done_count, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(order[i], i);
        assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
    }
    worker_free(NULL);
}

static struct task second;

static void done_submits_another(struct job *job)
{
    done(job);
    second = (struct task){.job = {.run = run, .done = done}, .number = 2};
    worker_submit(worker, &second.job);
}

static void done_may_submit_and_free(void **state)
{
    (void)state;
    struct task first = {.job = {.run = run, .done = done_submits_another}, .number = 1};
    worker_submit(worker, &first.job);
    while (done_count < 2) {
        assert_true(readable(-1));
        worker_collect(worker);
    }
    worker_submit(worker, &first.job);
    worker_free(worker); /* also the one that done() submits while it is ending */
    assert_int_equal(done_count, 4);
    static const int numbers[] = {1, 2, 1, 2};
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i], numbers[i]);
}

static void free_job(struct job *job)
{
    done_count++;
    free(job);
}

static void jobs_may_go_in_done(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct task *task = NEW(struct task);
        task->job = (struct job){.run = run, .done = free_job};
        worker_submit(worker, &task->job);
    }
    worker_free(worker);
    assert_int_equal(done_count, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_run_in_order_on_the_thread, setup), cmocka_unit_test_setup(collecting_nothing_is_fine, setup),
        cmocka_unit_test_setup(free_runs_what_is_queued, setup),        cmocka_unit_test_setup(done_may_submit_and_free, setup),
        cmocka_unit_test_setup(jobs_may_go_in_done, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
