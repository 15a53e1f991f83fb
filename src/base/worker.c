#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"

/* Quick jobs whose end the loop hears of together: it would wake up, and wake the worker's processor, for each of them else. */
enum { COMPANY = 32 };

struct list {
    struct job *first, *last;
};

struct worker {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows but fd */
    pthread_cond_t changed;
    struct list queued, finished;
    size_t untold; /* at the end of `finished`: the loop was not woken for them yet */
    bool stopping;
    int fd;
};

static void append(struct list *list, struct job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct job *take_first(struct list *list)
{
    struct job *job = list->first;
    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    job->next = NULL;
    return job;
}

static bool may_wait(const struct worker *worker, const struct job *job)
{
    const struct job *behind = worker->queued.first;
    return job->quick && behind && behind->quick && worker->untold < COMPANY;
}

static void finish(struct worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    append(&worker->finished, job);
    worker->untold++;
    bool told = !may_wait(worker, job);
    if (told)
        worker->untold = 0;
    pthread_mutex_unlock(&worker->lock);
    if (told)
        eventfd_write(worker->fd, 1);
}

static struct job *wait_for_job(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (!worker->queued.first && !worker->stopping)
        pthread_cond_wait(&worker->changed, &worker->lock);
    struct job *job = take_first(&worker->queued);
    pthread_mutex_unlock(&worker->lock);
    return job;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct job *job;
    while ((job = wait_for_job(worker))) {
        job->run(job);
        finish(worker, job);
    }
    return NULL;
}

/* Signals belong to the caller's loop, so the thread is born with all of them blocked. */
static int start_thread(struct worker *worker)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static void destroy(struct worker *worker)
{
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    close(worker->fd);
    free(worker);
}

int worker_new(struct worker **ret_worker, struct error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "cannot make an eventfd for a worker thread");
    struct worker *worker = NEW(struct worker);
    worker->fd = fd;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    int code = start_thread(worker);
    if (code) {
        destroy(worker);
        return error_errno(err, code, "cannot start a worker thread");
    }
    *ret_worker = worker;
    return 0;
}

int worker_fd(const struct worker *worker)
{
    return worker->fd;
}

void worker_submit(struct worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    append(&worker->queued, job);
    pthread_mutex_unlock(&worker->lock);
    pthread_cond_signal(&worker->changed);
}

void worker_collect(struct worker *worker)
{
    /* Before the list is taken: a job that ends in between makes the descriptor readable again. */
    eventfd_t ignored;
    eventfd_read(worker->fd, &ignored);
    pthread_mutex_lock(&worker->lock);
    struct list finished = worker->finished;
    worker->finished = (struct list){0};
    worker->untold = 0;
    pthread_mutex_unlock(&worker->lock);
    struct job *job;
    while ((job = take_first(&finished)))
        job->done(job);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_mutex_unlock(&worker->lock);
    pthread_cond_signal(&worker->changed);
    pthread_join(worker->thread, NULL);
    worker_collect(worker);
    struct job *job;
    while ((job = take_first(&worker->queued))) { /* what a done() has submitted since */
        job->run(job);
        job->done(job);
    }
    destroy(worker);
}
